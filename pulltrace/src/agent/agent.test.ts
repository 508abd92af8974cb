import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { expect, it, onTestFinished } from "vitest";
import { silentLogger, temporaryFolder } from "@waybill/foundation/testing";
import { startAgent } from "./agent.ts";

it("an agent that has not seen containerd yet reports nothing: an empty report would say that nothing is pulled", async () => {
  await using folder = await temporaryFolder("waybill-agent-");
  let reports = 0;
  const server = createServer((request, response) => {
    reports += 1;
    request.resume();
    response.writeHead(200).end();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => void server.close());
  const socket = join(folder.path, "containerd.sock");
  const agent = await startAgent({
    nodeName: "node-1",
    serverUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    containerdSocket: socket,
    allowedSockets: [socket],
    reportIntervalMs: 100,
    metricsAddress: { host: "127.0.0.1", port: 0 },
    log: silentLogger(),
  });
  onTestFinished(() => agent.close());
  const failedLooks = async () => {
    const text = await (await fetch(`${agent.statusUrl}/metrics`)).text();
    return Number(/^pulltrace_agent_failed_looks_total (\d+)$/m.exec(text)?.[1]);
  };
  while ((await failedLooks()) < 3) await delay(50);
  await expect(agent.health.check(AbortSignal.timeout(1_000))).rejects.toThrow(/containerd/);
  expect(reports).toBe(0);
});
