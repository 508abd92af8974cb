import { setting } from "@waybill/foundation/config";

/** The server's settings; names and defaults are those of the older program. */
export const serverSettings = {
  httpAddress: setting.address({
    env: "PULLTRACE_HTTP_ADDR",
    default: ":8080",
    describe: "where the API and the page are served",
  }),
  reportAddress: setting.address({
    env: "PULLTRACE_REPORT_ADDR",
    optional: true,
    describe:
      "a second address for agents' reports, which a thread of its own takes (for thousands of nodes); they are taken at PULLTRACE_HTTP_ADDR as well",
  }),
  metricsAddress: setting.address({
    env: "PULLTRACE_METRICS_ADDR",
    default: ":9090",
    describe: "where Prometheus reads /metrics",
  }),
  logLevel: setting.choice({
    env: "PULLTRACE_LOG_LEVEL",
    default: "info",
    choices: ["debug", "info", "warn", "error"],
    describe: "what is logged; debug adds a line for each progress of a pull",
  }),
  agentToken: setting.secret({
    env: "PULLTRACE_AGENT_TOKEN",
    optional: true,
    describe: "when set, agents must send it as a Bearer token",
  }),
  watchNamespaces: setting.list({
    env: "PULLTRACE_WATCH_NAMESPACES",
    default: "",
    describe: "namespaces whose pods are shown with the pulls; empty means all",
  }),
  kubernetes: setting.string({
    env: "PULLTRACE_KUBERNETES",
    default: "auto",
    maxLength: 4_096,
    describe: "where pods are seen: auto (the service account when there is one), off, or the path of a kubeconfig",
  }),
  kubernetesHost: setting.string({
    env: "KUBERNETES_SERVICE_HOST",
    flag: "kubernetes-host",
    optional: true,
    describe: "address of the API server; Kubernetes sets it in each pod",
  }),
  kubernetesPort: setting.string({
    env: "KUBERNETES_SERVICE_PORT",
    flag: "kubernetes-port",
    optional: true,
    describe: "port of the API server; Kubernetes sets it in each pod",
  }),
  historyTtlMs: setting.duration({
    env: "PULLTRACE_HISTORY_TTL",
    default: "30m",
    min: "1s",
    max: "7d",
    describe: "how long finished pulls stay visible",
  }),
  streamsPerClient: setting.integer({
    env: "PULLTRACE_STREAMS_PER_CLIENT",
    default: "256",
    min: "1",
    max: "20000",
    describe: "event streams that one account, or without sign-in one address, may follow",
  }),
  requestsPerClient: setting.integer({
    env: "PULLTRACE_REQUESTS_PER_CLIENT",
    default: "100",
    min: "1",
    max: "100000",
    describe: "lists per second that one account, or without sign-in one address, may ask for",
  }),
  trustedProxies: setting.networks({
    env: "PULLTRACE_TRUSTED_PROXIES",
    default: "",
    describe:
      "addresses and networks of proxies whose X-Forwarded-For names the client; from others the header is not read",
  }),
  stateDir: setting.path({
    env: "PULLTRACE_STATE_DIR",
    optional: true,
    describe: "folder in which finished pulls and learned speeds outlive a restart; without it they live in memory",
  }),
} as const;
