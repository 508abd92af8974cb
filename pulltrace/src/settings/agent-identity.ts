import { setting } from "@waybill/foundation/config";

/** How the server knows its agents. */
export const agentIdentitySettings = {
  agentAuth: setting.choice({
    env: "PULLTRACE_AGENT_AUTH",
    default: "token",
    choices: ["token", "service-account"],
    describe:
      "how agents prove who they are: one shared token, or the token of their pod's service account, which Kubernetes checks and which lets each speak for its own node only",
  }),
  agentServiceAccounts: setting.list({
    env: "PULLTRACE_AGENT_SERVICE_ACCOUNTS",
    default: "",
    describe: "with service-account: those that agents run as, each as namespace/name",
  }),
  agentAudience: setting.string({
    env: "PULLTRACE_AGENT_AUDIENCE",
    default: "pulltrace",
    maxLength: 253,
    describe: "with service-account: the audience that agents' tokens are made for",
  }),
} as const;
