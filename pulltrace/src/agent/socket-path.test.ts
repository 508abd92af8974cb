import { describe, expect, it } from "vitest";
import { readSettings } from "@waybill/foundation/config";
import { agentSettings } from "../settings/index.ts";
import { permittedSocket } from "./index.ts";

describe("the path of containerd's socket", () => {
  it.each(["/run/containerd/containerd.sock", "/var/run/containerd/containerd.sock"])("%s is permitted", (path) => {
    expect(permittedSocket(path)).toBe(path);
  });

  it.each([
    "/run/docker.sock",
    "/run/containerd/../docker.sock",
    "/run/containerd",
    "/run/containerdx/containerd.sock",
    "run/containerd/containerd.sock",
    "/run/containerd/./containerd.sock",
    "/run/containerd//containerd.sock",
    "/run/containerd/a\0b",
    "",
  ])("%j is refused, and the advice says how to allow it", (path) => {
    expect(() => permittedSocket(path)).toThrow(
      expect.objectContaining({ advice: expect.stringContaining("PULLTRACE_ALLOWED_SOCKETS") as string }) as Error,
    );
  });

  it("that the operator lists is permitted, and only exactly that one", () => {
    const k3s = "/run/k3s/containerd/containerd.sock";
    expect(permittedSocket(k3s, [k3s])).toBe(k3s);
    expect(() => permittedSocket(`${k3s}.other`, [k3s])).toThrow();
    expect(() => permittedSocket("/run/k3s/x/../containerd/containerd.sock", [k3s])).toThrow();
  });
});

describe("the agent's settings", () => {
  it("have the defaults of the contract", () => {
    const env = { PULLTRACE_NODE_NAME: "node-1", PULLTRACE_SERVER_URL: "http://pulltrace-server:8080" };
    expect(readSettings(agentSettings, { env })).toEqual({
      nodeName: "node-1",
      serverUrl: "http://pulltrace-server:8080",
      containerdSocket: "/run/containerd/containerd.sock",
      allowedSockets: [],
      logLevel: "info",
      agentToken: undefined,
      reportInterval: 1000,
      metricsAddress: undefined,
    });
  });

  it("want a node name and a server", () => {
    expect(() => readSettings(agentSettings, { env: {} })).toThrow(/PULLTRACE_NODE_NAME[^]*PULLTRACE_SERVER_URL/);
  });
});
