import { KubernetesError, type KubernetesCause, type KubernetesErrorCode } from "./kubernetes-error.ts";

/** `Status` of the API (meta/v1), as far as it is read. Everything may be missing: proxies answer in its place. */
export interface StatusBody {
  readonly kind?: string;
  readonly status?: string;
  readonly message?: string;
  readonly reason?: string;
  readonly code?: number;
  readonly details?: {
    readonly retryAfterSeconds?: number;
    readonly causes?: readonly { readonly reason?: string; readonly message?: string; readonly field?: string }[];
  };
}

const longestMessage = 1_000;

/**
 * What an answer of 400 and above, or the ERROR event of a watch, means.
 * @param what was asked, for people: `list pods`
 */
export function answerError(
  what: string,
  answer: { readonly status: number; readonly retryAfter?: string | undefined; readonly body: StatusBody },
): KubernetesError {
  const { status, body } = answer;
  const said = textOf(body.message) ?? `HTTP ${status}`;
  const code = codeOf(status, textOf(body.reason), said);
  const retryAfterMs = retryAfterOf(answer.retryAfter, body.details?.retryAfterSeconds);
  return new KubernetesError({
    code,
    status,
    message: `${what}: ${said}`,
    advice: adviceFor(code, said),
    ...(textOf(body.reason) === undefined ? {} : { reason: textOf(body.reason) ?? "" }),
    causes: causesOf(body),
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
  });
}

function textOf(value: unknown): string | undefined {
  if (typeof value !== "string" || value === "") return undefined;
  return value.length > longestMessage ? `${value.slice(0, longestMessage)}…` : value;
}

function codeOf(status: number, reason: string | undefined, said: string): KubernetesErrorCode {
  if (status === 401) return "UNAUTHORIZED";
  if (status === 403) return "FORBIDDEN";
  if (status === 404) return "NOT_FOUND";
  if (status === 409) return reason === "AlreadyExists" ? "ALREADY_EXISTS" : "CONFLICT";
  if (status === 410) return "EXPIRED";
  if (status === 429) return "THROTTLED";
  // A strict apply of an unknown field is answered with 500 (seen on 1.34), and stays wrong however often it is sent.
  if (said.includes("failed to create typed patch object")) return "INVALID";
  return status >= 500 ? "UNAVAILABLE" : "INVALID";
}

const advices: Readonly<Record<KubernetesErrorCode, string>> = {
  UNREACHABLE: "Check that the address of the API server is right and that the network lets us reach it.",
  CERTIFICATE: "Give the certificate authority that signed the API server's certificate (certificate-authority-data).",
  TIMEOUT: "The API server is slow or gone; look at its health.",
  UNAUTHORIZED: "The token or certificate is not accepted (expired, revoked, of another cluster): give a valid one.",
  FORBIDDEN: "Grant the missing right by a Role or ClusterRole and a binding for this identity.",
  NOT_FOUND: "There is no such object, or the API server does not know its kind.",
  ALREADY_EXISTS: "Read the object that is there, or choose another name.",
  CONFLICT: "Read the object anew and decide again; fields of other managers are named in the causes.",
  EXPIRED: "List anew: the version that was asked for has been compacted away.",
  INVALID: "Correct what the message names; the same request will be refused again.",
  THROTTLED: "The API server asks to wait; try again later.",
  UNAVAILABLE: "The API server or a webhook of it fails at the moment; try again later.",
  BAD_ANSWER: "Check that the address is that of a Kubernetes API server.",
  CONFIGURATION: "Correct the kubeconfig.",
};

export function adviceFor(code: KubernetesErrorCode, said: string): string {
  const rule = code === "FORBIDDEN" ? missingRule(said) : undefined;
  return rule ?? advices[code];
}

/** From the API server's text of a 403 to the RBAC rule that is missing and whom to bind it to. */
function missingRule(said: string): string | undefined {
  const match =
    /User "([^"]+)" cannot (\S+) resource "([^"]+)" in API group "([^"]*)"(?: in the namespace "([^"]+)")?/.exec(said);
  if (match === null) return undefined;
  const [, user = "", verb = "", resource = "", group = "", namespace] = match;
  const role = namespace === undefined ? "ClusterRole" : "Role";
  const account = /^system:serviceaccount:([^:]+):([^:]+)$/.exec(user);
  const subject = account === null ? `user ${user}` : `ServiceAccount ${account[2]} of namespace ${account[1]}`;
  return (
    `Grant it: a ${role}${namespace === undefined ? "" : ` in namespace ${namespace}`} with the rule ` +
    `{apiGroups: ["${group}"], resources: ["${resource}"], verbs: ["${verb}"]}, ` +
    `bound to ${subject} by a ${role}Binding.`
  );
}

function causesOf(body: StatusBody): readonly KubernetesCause[] {
  const causes = body.details?.causes;
  if (!Array.isArray(causes)) return [];
  return causes.slice(0, 100).map((cause: { reason?: unknown; message?: unknown; field?: unknown }) => {
    const message = textOf(cause.message) ?? "";
    const field = textOf(cause.field);
    const manager = /^conflict with "(.*)"( using .*)?$/.exec(message)?.[1];
    return {
      reason: textOf(cause.reason) ?? "",
      message,
      ...(field === undefined ? {} : { field }),
      ...(manager === undefined ? {} : { manager }),
    };
  });
}

const longestRetryMs = 120_000;

function retryAfterOf(header: string | undefined, seconds: unknown): number | undefined {
  const value = header !== undefined && /^\d{1,6}$/.test(header) ? Number(header) : seconds;
  if (typeof value !== "number" || !Number.isFinite(value) || value <= 0) return undefined;
  return Math.min(longestRetryMs, value * 1_000);
}
