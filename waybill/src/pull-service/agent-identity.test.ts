import { UserError } from "@waybill/foundation/errors";
import { describe, expect, it } from "vitest";
import { agentIdentityOf, type AgentIdentitySettings } from "./agent-identity.ts";

const settings: AgentIdentitySettings = {
  agentAuth: "service-account",
  agentServiceAccounts: ["pulltrace/pulltrace-agent"],
  agentAudience: "pulltrace",
  kubernetes: "auto",
  kubernetesHost: undefined,
  kubernetesPort: undefined,
};

describe("how the pull server knows its agents", () => {
  it("is by the shared token unless told otherwise", async () => {
    expect(await agentIdentityOf({ ...settings, agentAuth: "token" })).toBeUndefined();
  });

  it.each([
    ["no service account is named", { agentServiceAccounts: [] }, "needs PULLTRACE_AGENT_SERVICE_ACCOUNTS"],
    ["one has no namespace", { agentServiceAccounts: ["agent"] }, 'PULLTRACE_AGENT_SERVICE_ACCOUNTS has "agent"'],
    ["one is a user's whole name", { agentServiceAccounts: ["system:serviceaccount:a:b"] }, "has "],
    ["there is no Kubernetes to ask", {}, "needs a Kubernetes to ask"],
  ])("does not start when %s", async (_, changed, words) => {
    const wrong = agentIdentityOf({ ...settings, ...changed });
    await expect(wrong).rejects.toThrow(UserError);
    await expect(wrong).rejects.toThrow(words);
  });
});
