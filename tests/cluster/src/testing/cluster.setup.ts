import { clusterMissing } from "../missing.ts";

/**
 * Before the `cluster` run: says why its tests are left out, where they are. With WAYBILL_CLUSTER_REQUIRED set (CI),
 * being left out is a failure.
 */
export default async function announce(): Promise<void> {
  const missing = await clusterMissing();
  if (missing === undefined) return;
  if ((process.env["WAYBILL_CLUSTER_REQUIRED"] ?? "") !== "") throw new Error(`no cluster can be started: ${missing}`);
  process.stdout.write(`\nno cluster can be started here, and no test that needs one is run: ${missing}\n`);
}
