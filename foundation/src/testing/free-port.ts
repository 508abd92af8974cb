import { randomInt } from "node:crypto";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { createServer, type AddressInfo } from "node:net";

const first = 10_000;

/**
 * A port of loopback that nobody has now: for programs that cannot be asked to choose one, do not tell which, or are
 * started again at the same one. Not one of those that the kernel hands out by itself, to each outgoing connection
 * too: such a one may be gone by the time it is needed.
 */
export async function freePort(): Promise<number> {
  const range = await readFile("/proc/sys/net/ipv4/ip_local_port_range", "utf8").catch(() => "");
  const end = Number(/^\d+/.exec(range)?.[0] ?? 0);
  // Where the kernel leaves too few, its own have to do.
  const triesMost = end < first + 10_000 ? 0 : 100;
  for (let tries = 0; tries < triesMost; tries += 1) {
    const port = await heldFor(randomInt(first, end));
    if (port !== undefined) return port;
  }
  const port = await heldFor(0);
  if (port === undefined) throw new Error("there is no free port");
  return port;
}

/** Listens for a moment; the port, undefined when somebody has it. */
async function heldFor(wanted: number): Promise<number | undefined> {
  const probe = createServer();
  try {
    probe.listen(wanted, "127.0.0.1");
    await once(probe, "listening");
    return (probe.address() as AddressInfo).port;
  } catch {
    return undefined;
  } finally {
    await new Promise((closed) => probe.close(closed));
  }
}
