import { readFile } from "node:fs/promises";
import type { AddressPlan, NodePlan } from "./addresses.ts";
import { overlap } from "./addresses.ts";
import { command } from "./command.ts";

/** Another run has the same addresses, or the machine uses them: a new id has others. */
export class AddressesTaken extends Error {
  override readonly name = "AddressesTaken";
}

interface Route {
  readonly dst: string;
  readonly dev?: string;
}

const ip = (...parameters: string[]): Promise<string> => command("ip", parameters, { timeoutMs: 30_000 });

/** Routes of the machine that meet the cluster's network, without those of the cluster itself. */
async function meeting(plan: AddressPlan): Promise<Route[]> {
  const routes = JSON.parse(await ip("-json", "-4", "route", "show", "table", "all")) as Route[];
  return routes.filter(({ dst, dev }) => dst !== "default" && dev !== plan.bridge && overlap(dst, plan.network));
}

/**
 * The network of the nodes: a bridge, on which the machine has the first address. Nothing is forwarded, no node has a
 * way out: traffic stays inside the machine.
 */
export async function makeBridge(plan: AddressPlan): Promise<void> {
  if ((await meeting(plan)).length > 0) throw new AddressesTaken(plan.network);
  await ip("link", "add", plan.bridge, "type", "bridge");
  await ip("address", "add", `${plan.host}/24`, "dev", plan.bridge);
  await ip("link", "set", plan.bridge, "up");
  // Two runs may have looked at the same moment. Both have their address by now, so at least one sees the other.
  const others = await meeting(plan);
  if (others.length > 0) throw new AddressesTaken(`${plan.network} (${others[0]?.dev})`);
}

/** Plugs a node in: a cable from the bridge to its eth0, its address, and the way to each other node's pods. */
export async function plugIn(plan: AddressPlan, node: NodePlan, pid: number, all: readonly NodePlan[]): Promise<void> {
  await ip("link", "add", node.cable, "type", "veth", "peer", "name", "eth0", "netns", String(pid));
  await ip("link", "set", node.cable, "master", plan.bridge, "up");
  const inside = (...parameters: string[]): Promise<string> =>
    command("nsenter", ["--target", String(pid), "--net", "ip", ...parameters]);
  await inside("link", "set", "eth0", "up");
  await inside("address", "add", `${node.address}/24`, "dev", "eth0");
  // Services are rewritten on their way out, which needs a way out.
  await inside("route", "add", plan.services, "via", plan.host);
  for (const other of all) {
    if (other.number !== node.number) await inside("route", "replace", other.podSubnet, "via", other.address);
  }
  await ip("route", "replace", node.podSubnet, "via", node.address);
}

/** Tells a running node the way to another one's pods. */
export async function learnRoute(pid: number, other: NodePlan): Promise<void> {
  const route = ["route", "replace", other.podSubnet, "via", other.address];
  await command("nsenter", ["--target", String(pid), "--net", "ip", ...route]);
}

/**
 * Token bucket on the machine's end of the cable, which is the node's download. What does not fit waits up to 400 ms,
 * then is dropped, as in a router: TCP finds its speed.
 */
export async function setLinkRate(node: NodePlan, bytesPerSecond: number | undefined): Promise<void> {
  if (bytesPerSecond === undefined) {
    await command("tc", ["qdisc", "delete", "dev", node.cable, "root"]).catch(() => undefined);
    return;
  }
  if (!Number.isFinite(bytesPerSecond) || bytesPerSecond < 1000)
    throw new RangeError(`a link's speed is at least 1000 bytes per second, not ${bytesPerSecond}`);
  const bits = Math.round(bytesPerSecond * 8);
  const burst = Math.max(65_536, Math.round(bytesPerSecond / 50));
  const bucket = ["tbf", "rate", `${bits}bit`, "burst", String(burst), "latency", "400ms"];
  await command("tc", ["qdisc", "replace", "dev", node.cable, "root", ...bucket]);
}

export async function setLinkUp(node: NodePlan, up: boolean): Promise<void> {
  await ip("link", "set", node.cable, up ? "up" : "down");
}

/** What the machine has sent into the cable since it was plugged in; 0 when there is no cable. */
export async function sentBytes(node: NodePlan): Promise<number> {
  const text = await readFile(`/sys/class/net/${node.cable}/statistics/tx_bytes`, "utf8").catch(() => "0");
  return Number(text);
}
