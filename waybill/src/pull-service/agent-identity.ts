import { UserError } from "@waybill/foundation/errors";
import { connectKubernetes, reviewToken } from "@waybill/foundation/kubernetes";
import type { AgentIdentityOptions } from "@waybill/pulltrace/server";

export interface AgentIdentitySettings {
  readonly agentAuth: "token" | "service-account";
  readonly agentServiceAccounts: readonly string[];
  readonly agentAudience: string;
  /** `auto`, `off` or a path. */
  readonly kubernetes: string;
  readonly kubernetesHost: string | undefined;
  readonly kubernetesPort: string | undefined;
}

/**
 * Agents by the tokens of their service accounts, or undefined where one token is shared. Needs the right to create
 * tokenreviews.
 * @throws UserError when no service account is named or there is no Kubernetes to ask.
 */
export async function agentIdentityOf(
  settings: AgentIdentitySettings,
): Promise<{ readonly agents: AgentIdentityOptions; close(): void } | undefined> {
  if (settings.agentAuth === "token") return undefined;
  const { agentServiceAccounts: serviceAccounts, agentAudience, kubernetes: where } = settings;
  const wrong = serviceAccounts.find((name) => !/^[a-z0-9-]{1,63}\/[a-z0-9.-]{1,253}$/.test(name));
  if (wrong !== undefined || serviceAccounts.length === 0) {
    throw new UserError(
      wrong === undefined
        ? "PULLTRACE_AGENT_AUTH=service-account needs PULLTRACE_AGENT_SERVICE_ACCOUNTS"
        : `PULLTRACE_AGENT_SERVICE_ACCOUNTS has ${JSON.stringify(wrong.slice(0, 100))}`,
      "Name the service accounts that agents run as, such as pulltrace/pulltrace-agent: else every pod would be one.",
    );
  }
  // Pods may be off while agents are asked for: that is another question to the same Kubernetes.
  const kubernetes = await connectKubernetes({
    kubeconfig: where === "auto" || where === "off" || where === "in-cluster" ? "auto" : { path: where },
    inCluster: { host: settings.kubernetesHost, port: settings.kubernetesPort },
  });
  if (kubernetes === undefined) {
    throw new UserError(
      "PULLTRACE_AGENT_AUTH=service-account needs a Kubernetes to ask, and none was found",
      "Run the server in the cluster with its service account's token mounted, or name a kubeconfig in PULLTRACE_KUBERNETES.",
    );
  }
  return {
    agents: {
      review: (token) =>
        reviewToken(kubernetes, token, { audiences: [agentAudience], signal: AbortSignal.timeout(5_000) }),
      serviceAccounts,
    },
    close: () => kubernetes.close(),
  };
}
