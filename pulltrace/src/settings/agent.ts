import { setting } from "@waybill/foundation/config";

/** The agent's settings; names and defaults are those of the older program, new ones are marked. */
export const agentSettings = {
  nodeName: setting.string({
    env: "PULLTRACE_NODE_NAME",
    maxLength: 253,
    describe: "name of this node; in Kubernetes from spec.nodeName",
  }),
  serverUrl: setting.url({
    env: "PULLTRACE_SERVER_URL",
    describe: "where reports go, such as http://pulltrace-server:8080",
  }),
  containerdSocket: setting.string({
    env: "PULLTRACE_CONTAINERD_SOCKET",
    default: "/run/containerd/containerd.sock",
    describe: "containerd's socket; under /run/containerd/ or /var/run/containerd/ unless allowed explicitly",
  }),
  /** New. */
  allowedSockets: setting.list({
    env: "PULLTRACE_ALLOWED_SOCKETS",
    default: "",
    describe: "absolute paths of further sockets that the agent may open, such as /run/k3s/containerd/containerd.sock",
  }),
  logLevel: setting.choice({
    env: "PULLTRACE_LOG_LEVEL",
    default: "info",
    choices: ["debug", "info", "warn", "error"],
    describe: "what is logged",
  }),
  agentToken: setting.secret({
    env: "PULLTRACE_AGENT_TOKEN",
    optional: true,
    ownFile: true,
    describe: "sent to the server as a Bearer token",
  }),
  /** New. */
  agentTokenFile: setting.path({
    env: "PULLTRACE_AGENT_TOKEN_FILE",
    optional: true,
    describe: "file with the token, read again as it changes, such as a service account's; instead of the token itself",
  }),
  reportInterval: setting.duration({
    env: "PULLTRACE_REPORT_INTERVAL",
    default: "1s",
    min: "200ms",
    max: "1m",
    describe: "period of looking at containerd and reporting",
  }),
  /** New for the agent; without it the agent listens nowhere. */
  metricsAddress: setting.address({
    env: "PULLTRACE_METRICS_ADDR",
    optional: true,
    describe: "where /metrics, /healthz and /readyz of the agent are served; nowhere when not set",
  }),
} as const;
