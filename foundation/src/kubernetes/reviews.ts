import type { Kubernetes } from "./client.ts";
import type { KubernetesObject, ResourceKind } from "./resource.ts";

const tokenReviews: ResourceKind = {
  group: "authentication.k8s.io",
  version: "v1",
  plural: "tokenreviews",
  namespaced: false,
};
const accessReviews: ResourceKind = {
  group: "authorization.k8s.io",
  version: "v1",
  plural: "selfsubjectaccessreviews",
  namespaced: false,
};

interface TokenReview extends KubernetesObject {
  readonly spec?: { readonly token: string; readonly audiences?: readonly string[] };
  readonly status?: {
    readonly authenticated?: boolean;
    readonly user?: {
      readonly username?: string;
      readonly uid?: string;
      readonly groups?: readonly string[];
      readonly extra?: Readonly<Record<string, readonly string[]>>;
    };
    readonly audiences?: readonly string[];
  };
}

interface AccessReview extends KubernetesObject {
  readonly spec?: { readonly resourceAttributes: AccessQuestion };
  readonly status?: { readonly allowed?: boolean; readonly reason?: string };
}

/** Whose token it is. */
export interface ReviewedUser {
  readonly username: string;
  readonly uid: string | undefined;
  readonly groups: readonly string[];
  /** What the authenticator adds, such as `authentication.kubernetes.io/node-name` of a pod's token. */
  readonly extra: Readonly<Record<string, readonly string[]>>;
}

export interface AccessQuestion {
  readonly verb: string;
  /** Plural. */
  readonly resource: string;
  readonly group?: string;
  readonly subresource?: string;
  /** Absent: all namespaces. */
  readonly namespace?: string;
  readonly name?: string;
}

/**
 * Asks the API server whose token this is; undefined when it is nobody's, or for none of the audiences.
 * Needs the right to create tokenreviews.
 */
export async function reviewToken(
  kubernetes: Pick<Kubernetes, "create">,
  token: string,
  o: { readonly audiences?: readonly string[]; readonly signal?: AbortSignal } = {},
): Promise<ReviewedUser | undefined> {
  const asked = o.audiences;
  const { status } = await kubernetes.create<TokenReview>(
    tokenReviews,
    {},
    {
      apiVersion: "authentication.k8s.io/v1",
      kind: "TokenReview",
      metadata: {},
      spec: { token, ...(asked === undefined ? {} : { audiences: asked }) },
    },
    o.signal === undefined ? {} : { signal: o.signal },
  );
  const username = status?.user?.username;
  if (status?.authenticated !== true || username === undefined || username === "") return undefined;
  // An API server that does not know audiences answers without them: then the token was not checked for ours.
  if (asked !== undefined && !asked.some((one) => status.audiences?.includes(one) === true)) return undefined;
  return { username, uid: status.user?.uid, groups: status.user?.groups ?? [], extra: status.user?.extra ?? {} };
}

/** Whether we ourselves may do something. */
export async function mayI(
  kubernetes: Pick<Kubernetes, "create">,
  question: AccessQuestion,
  signal?: AbortSignal,
): Promise<boolean> {
  const { status } = await kubernetes.create<AccessReview>(
    accessReviews,
    {},
    {
      apiVersion: "authorization.k8s.io/v1",
      kind: "SelfSubjectAccessReview",
      metadata: {},
      spec: { resourceAttributes: question },
    },
    signal === undefined ? {} : { signal },
  );
  return status?.allowed === true;
}
