import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startCluster } from "./cluster.ts";
import type { Cluster } from "./contract.ts";
import { clusterMissing } from "./missing.ts";
import { installPulltrace, type InstalledPulltrace, namespace } from "./testing/pulltrace.ts";

/** Agents that prove their node by the token of their pod, as a real API server makes and reviews it. */

const missing = await clusterMissing();
const reason = missing === undefined ? "" : ` (not tried: ${missing})`;
let cluster: Cluster;
let pulltrace: InstalledPulltrace;

/** A token as the kubelet asks for it: of a service account, for an audience, bound to a pod when one is named. */
async function token(
  account: string,
  audience: string,
  pod?: { readonly name: string; readonly in: string },
): Promise<string> {
  const [where = "", name = ""] = account.split("/");
  const bound =
    pod === undefined ? [] : ["--bound-object-kind", "Pod", "--bound-object-name", pod.name, "--namespace", pod.in];
  const printed = await cluster.kubectl([
    "create",
    "token",
    name,
    "--audience",
    audience,
    ...(pod === undefined ? ["--namespace", where] : bound),
  ]);
  return printed.trim();
}

async function report(
  nodeName: string,
  bearer?: string,
): Promise<{ readonly status: number; readonly detail: string }> {
  const answer = await fetch(`${pulltrace.urlAt(cluster.node("node-1"))}/api/v1/report`, {
    method: "POST",
    headers: {
      "content-type": "application/json",
      ...(bearer === undefined ? {} : { authorization: `Bearer ${bearer}` }),
    },
    body: JSON.stringify({ nodeName, timestamp: new Date().toISOString(), pulls: [] }),
  });
  const text = await answer.text();
  return { status: answer.status, detail: text === "" ? "" : (JSON.parse(text) as { detail: string }).detail };
}

beforeAll(async () => {
  if (missing !== undefined) return;
  cluster = await startCluster({ nodes: 1, onProgress: (line) => process.stdout.write(`${line}\n`) });
  // Waits until the agent reports: its own token is taken.
  pulltrace = await installPulltrace(cluster, ["agentAuth.mode=service-account"]);
});
afterAll(() => cluster?.stop());

describe.skipIf(missing !== undefined)(`agents by their service account${reason}`, () => {
  it("an agent reports for its own node, and gets 403 for another", async () => {
    const [pod = ""] = await pulltrace.pods("agent", "node-1");
    const own = await token(`${namespace}/pulltrace-agent`, "pulltrace", { name: pod, in: namespace });
    expect(await report("node-1", own)).toMatchObject({ status: 200 });
    expect(await report("node-2", own)).toEqual({
      status: 403,
      detail: "The token belongs to an agent on the node node-1; it may not report for another one.",
    });
    expect((await pulltrace.nodes()).map(({ nodeName }) => nodeName)).toEqual(["node-1"]);
  });

  it("nobody else reports: without a token, for another audience, as another account, without a pod", async () => {
    const agent = `${namespace}/pulltrace-agent`;
    const [pod = ""] = await pulltrace.pods("agent", "node-1");
    expect(await report("node-1")).toMatchObject({ status: 401 });
    expect(await report("node-1", "not.a.token")).toMatchObject({ status: 401 });
    const foreign = await token(agent, "https://kubernetes.default.svc", { name: pod, in: namespace });
    expect(await report("node-1", foreign)).toMatchObject({ status: 401 });
    expect(await report("node-1", await token("default/default", "pulltrace"))).toMatchObject({
      status: 403,
      detail: expect.stringContaining("system:serviceaccount:default:default is no agent's service account") as string,
    });
    expect(await report("node-1", await token(agent, "pulltrace"))).toMatchObject({
      status: 403,
      detail: expect.stringContaining("names no node") as string,
    });
  });

  it("the rights are those of the chart's README and no more", async () => {
    const may = async (account: string, verb: string, resource: string, group = ""): Promise<boolean> => {
      const user = `system:serviceaccount:${namespace}:pulltrace-${account}`;
      const review = {
        apiVersion: "authorization.k8s.io/v1",
        kind: "SubjectAccessReview",
        spec: {
          user,
          groups: ["system:serviceaccounts", `system:serviceaccounts:${namespace}`, "system:authenticated"],
          // Without a namespace: in all of them.
          resourceAttributes: { verb, resource, group },
        },
      };
      const printed = await cluster.kubectl(["create", "--filename", "-", "--output", "json"], {
        input: JSON.stringify(review),
      });
      return (JSON.parse(printed) as { readonly status: { readonly allowed: boolean } }).status.allowed;
    };
    for (const resource of ["pods", "events"]) {
      for (const verb of ["list", "watch"]) expect(await may("server", verb, resource)).toBe(true);
      for (const verb of ["get", "delete"]) expect(await may("server", verb, resource)).toBe(false);
      expect(await may("agent", "list", resource)).toBe(false);
    }
    expect(await may("server", "create", "tokenreviews", "authentication.k8s.io")).toBe(true);
    expect(await may("agent", "create", "tokenreviews", "authentication.k8s.io")).toBe(false);
    for (const resource of ["secrets", "nodes", "configmaps"]) {
      expect(await may("server", "get", resource)).toBe(false);
    }
  });
});
