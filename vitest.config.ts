import { defineConfig } from "vitest/config";
import { LongestFirst } from "./scripts/longest-first.ts";

const shared = { isolate: false, environment: "node", restoreMocks: true } as const;

/**
 * The limits are when we stop hoping, on a slow and busy machine too: a wait ends when the thing is seen. What waits gives
 * up before, and says how things are.
 */
const serial = {
  isolate: true,
  fileParallelism: false,
  testTimeout: 1_200_000,
  hookTimeout: 600_000,
  expect: { poll: { timeout: 150_000 } },
} as const;

/**
 * Runs with different promises:
 * - `unit` needs nothing but Node and ends in seconds;
 * - `real` (`*.real.test.ts` beside the code, everything in `tests/`) talks to real servers: PostgreSQL,
 *   containerd, Ceph, skopeo, Chromium. Two files at a time;
 * - `cluster` (`*.cluster.test.ts` of `tests/cluster`) starts Kubernetes clusters with real nodes, see docs/test-cluster.md;
 * - `long` (`*.long.test.ts`) takes many minutes: soaks, attacks, many thousand rounds. No part of `make test`.
 */
export default defineConfig({
  test: {
    reporters: ["default"],
    sequence: { sequencer: LongestFirst },
    projects: [
      {
        test: {
          ...shared,
          name: "unit",
          include: ["*/src/**/*.test.{ts,tsx}", "tests/cluster/src/**/*.test.ts"],
          exclude: ["**/*.{real,cluster,long}.test.ts", "tests/src/**", "**/node_modules/**"],
          // When we stop hoping, on a busy machine too; `expect.poll` gives up before, and says what it saw last.
          testTimeout: 180_000,
          hookTimeout: 180_000,
          expect: { poll: { timeout: 90_000 } },
          // Many wait for timers and sockets: more workers than cores.
          maxWorkers: 4,
        },
      },
      {
        test: {
          ...shared,
          name: "real",
          ...serial,
          // Two at a time: most of their time they wait for servers.
          fileParallelism: true,
          maxWorkers: 2,
          include: ["*/src/**/*.real.test.ts", "tests/src/**/*.test.ts"],
          exclude: ["**/*.long.test.ts", "**/node_modules/**"],
          globalSetup: ["foundation/src/testing/postgres.setup.ts", "artifact-store/src/testing/ceph.setup.ts"],
        },
      },
      {
        test: {
          ...shared,
          name: "cluster",
          ...serial,
          // Two at a time: most of their time they wait for kubelets. Each has a cluster of its own.
          fileParallelism: true,
          maxWorkers: 2,
          include: ["tests/cluster/src/**/*.cluster.test.ts"],
          globalSetup: ["tests/cluster/src/testing/cluster.setup.ts"],
        },
      },
      {
        test: {
          ...shared,
          name: "long",
          ...serial,
          include: ["*/src/**/*.long.test.ts", "tests/cluster/src/**/*.long.test.ts"],
          // A test that needs longer says so itself.
          testTimeout: 1_800_000,
          globalSetup: ["foundation/src/testing/postgres.setup.ts", "artifact-store/src/testing/ceph.setup.ts"],
        },
      },
    ],
  },
});
