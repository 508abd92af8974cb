/** A test run that will be killed: starts a cluster of one node, says its id, and waits. */
import { startCluster } from "../cluster.ts";

const cluster = await startCluster({ nodes: 1 });
process.stdout.write(`${cluster.id}\n`);
setInterval(() => undefined, 60_000);
