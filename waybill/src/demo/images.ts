import { buildSampleImage, type SampleImage } from "../sample/index.ts";

const mebibyte = 1024 * 1024;
const base = { seed: "base", sizeBytes: 16 * mebibyte };

/** Two tenants, two images, five layers of 58 MiB together; both stand on the same base. */
export async function demoImages(): Promise<readonly SampleImage[]> {
  return [
    await buildSampleImage({
      name: "team-a/web",
      layers: [base, { seed: "web-runtime", sizeBytes: 12 * mebibyte }, { seed: "web", sizeBytes: 6 * mebibyte }],
    }),
    await buildSampleImage({
      name: "team-b/worker",
      layers: [
        base,
        { seed: "worker-runtime", sizeBytes: 14 * mebibyte },
        { seed: "worker", sizeBytes: 10 * mebibyte },
      ],
    }),
  ];
}

export const demoTenants: readonly string[] = ["team-a", "team-b"];

/** Whose images are in pulltrace/recordings/demo.jsonl. */
export const recordedTenants: readonly string[] = ["acme", "globex"];
