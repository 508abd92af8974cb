import { defineConfig } from "vitest/config";

const shared = { isolate: false, environment: "node", restoreMocks: true } as const;

/**
 * Two runs with different promises:
 * - `unit` needs nothing but Node and ends in seconds;
 * - `real` (`*.real.test.ts` beside the code, everything in `tests/`) talks to real servers: PostgreSQL,
 *   containerd, skopeo, Chromium. Its files run one after the other, because they measure and kill processes.
 */
export default defineConfig({
  test: {
    reporters: ["default"],
    projects: [
      {
        test: {
          ...shared,
          name: "unit",
          include: ["*/src/**/*.test.{ts,tsx}"],
          exclude: ["**/*.real.test.ts", "tests/**", "**/node_modules/**"],
          testTimeout: 20_000,
          // Many wait for timers and sockets: more workers than cores.
          maxWorkers: 4,
        },
      },
      {
        test: {
          ...shared,
          name: "real",
          isolate: true,
          include: ["*/src/**/*.real.test.ts", "tests/src/**/*.test.ts"],
          fileParallelism: false,
          testTimeout: 180_000,
          hookTimeout: 180_000,
          globalSetup: ["foundation/src/testing/postgres.setup.ts"],
        },
      },
    ],
  },
});
