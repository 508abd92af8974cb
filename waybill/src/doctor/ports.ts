import { createServer } from "node:net";
import { formatAddress, type Address } from "@waybill/foundation/config";
import type { Finding } from "./finding.ts";

function tryListen(address: Address): Promise<NodeJS.ErrnoException | undefined> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", resolve);
    server.listen({ port: address.port, ...(address.host === "" ? {} : { host: address.host }) }, () => {
      server.close(() => resolve(undefined));
    });
  });
}

/** Whether what listens there answers as a Waybill does. */
async function isWaybill(address: Address): Promise<boolean> {
  const host = address.host === "" || address.host === "0.0.0.0" ? "127.0.0.1" : address.host;
  try {
    const url = `http://${formatAddress({ host, port: address.port })}/readyz`;
    const response = await fetch(url, { signal: AbortSignal.timeout(2000) });
    const body: unknown = await response.json();
    return typeof body === "object" && body !== null && "checks" in body && "status" in body;
  } catch {
    return false;
  }
}

/** Can this address be listened on? A Waybill that runs there already is no failure: the job is being done. */
export async function portFinding(name: string, flag: string, address: Address): Promise<Finding> {
  const where = formatAddress(address);
  const error = await tryListen(address);
  if (error === undefined) return { name, status: "ok", detail: `${where} is free` };
  if (error.code === "EADDRINUSE" && (await isWaybill(address))) {
    return { name, status: "ok", detail: `${where} is in use by a Waybill that runs` };
  }
  const detail = error.code === "EADDRINUSE" ? `${where} is in use by another program` : `${where}: ${error.message}`;
  return {
    name,
    status: "failed",
    detail,
    advice: `End that program, or choose another address with ${flag} ADDRESS.`,
  };
}
