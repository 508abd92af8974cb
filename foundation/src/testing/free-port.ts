import { once } from "node:events";
import { createServer, type AddressInfo } from "node:net";

/** A port of loopback that nobody has now: for programs that cannot be asked to choose one, or do not tell which. */
export async function freePort(): Promise<number> {
  const probe = createServer().listen(0, "127.0.0.1");
  await once(probe, "listening");
  const { port } = probe.address() as AddressInfo;
  probe.close();
  await once(probe, "close");
  return port;
}
