/**
 * Runs Ceph for a whole test run, from the first test that asks: `node ceph.keeper.ts SOCKET`. Serves one word per
 * connection on a unix socket, and when its standard input ends stops Ceph and removes all files. A process of its own,
 * so that a test run that is killed leaves no daemons behind.
 */
import { once } from "node:events";
import { availableParallelism, loadavg } from "node:os";
import { createServer, type Socket } from "node:net";
import { text } from "node:stream/consumers";
import { temporaryFolder } from "@waybill/foundation/testing";
import { CephCluster } from "./ceph.cluster.ts";

const holderGone = Promise.race([
  once(process.stdin.resume(), "close"),
  once(process, "SIGTERM"),
  once(process, "SIGINT"),
]);
await using folder = await temporaryFolder("wb-ceph-");
let cluster: Promise<CephCluster> | undefined;

const answers: Readonly<Record<string, (ceph: CephCluster) => Promise<unknown>>> = {
  gateway: (ceph) => Promise.resolve(ceph.gateway),
  "kill-spare": (ceph) => ceph.killSpare(),
  "start-spare": (ceph) => ceph.startSpare(),
};

/** Printed and not asserted: under 10 s is what a machine does that has nothing else to do, and many tests run beside it. */
async function start(): Promise<CephCluster> {
  const ceph = await CephCluster.start(folder.path);
  process.stderr.write(
    `Ceph RGW was ready in ${(ceph.readyMs / 1000).toFixed(1)} s (load ${loadavg()[0]?.toFixed(1)} on ${availableParallelism()} processors)\n`,
  );
  return ceph;
}

async function serve(socket: Socket): Promise<void> {
  try {
    const answer = answers[await text(socket)];
    if (answer === undefined) throw new Error("no such request");
    const result = await answer(await (cluster ??= start()));
    socket.end(JSON.stringify({ result }));
  } catch (error) {
    socket.end(JSON.stringify({ error: String(error) }));
  }
}

const server = createServer({ allowHalfOpen: true }, (socket) => void serve(socket));
server.listen(process.argv[2]);
await once(server, "listening");
process.stdout.write("ready\n");
await holderGone;
process.stdin.destroy();
server.close();
await cluster?.then(
  (ceph) => ceph.stop(),
  () => undefined,
);
