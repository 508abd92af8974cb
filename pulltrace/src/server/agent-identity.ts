import { createHash } from "node:crypto";
import { Problem } from "@waybill/foundation/errors";

/** Whose token it is, as Kubernetes says it (TokenReview, `status.user`). */
export interface ReviewedAgent {
  readonly username: string;
  readonly extra: Readonly<Record<string, readonly string[]>>;
}

/** Which node a report may speak for, by the token that came with it. */
export interface AgentIdentity {
  /**
   * The node that the bearer of this `Authorization` header runs on.
   * @throws Problem 401 (no token, or one that Kubernetes does not know for us), 403 (somebody else's, or without a
   * node), 503 (Kubernetes cannot be asked).
   */
  nodeOf(authorization: string | undefined): Promise<string>;
}

export interface AgentIdentityOptions {
  /** Asks Kubernetes whose token it is; undefined when it is nobody's, or not for our audience. */
  readonly review: (token: string) => Promise<ReviewedAgent | undefined>;
  /** `namespace/name` of the service accounts that agents run as. */
  readonly serviceAccounts: readonly string[];
  /** Milliseconds; monotonic. */
  readonly clock?: () => number;
}

/** Kubernetes puts the node of the pod that a token was made for here, by default since 1.30. */
const nodeKey = "authentication.kubernetes.io/node-name";
/** An agent reports each second: it is asked for once a minute. A pod's token dies with its pod within this time. */
const goodForMs = 60_000;
/** While Kubernetes does not answer, what it said last stays true for so long: its outage must not blind us. */
const outageMs = 600_000;
const badForMs = 10_000;
const mostKept = 25_000;
const longestToken = 16_384;

interface Answer {
  readonly node: string | Problem;
  readonly at: number;
}

/** Agents by the token of their pod's service account, which Kubernetes binds to pod and node and renews each hour. */
export function reviewedAgents(options: AgentIdentityOptions): AgentIdentity {
  const clock = options.clock ?? (() => performance.now());
  const allowed = new Set(options.serviceAccounts.map((name) => `system:serviceaccount:${name.replace("/", ":")}`));
  /** By SHA-256 of the token: what is kept is no token. Oldest first. */
  const answers = new Map<string, Answer>();
  const asking = new Map<string, Promise<string | Problem>>();

  const keep = (key: string, node: string | Problem): string | Problem => {
    answers.delete(key);
    answers.set(key, { node, at: clock() });
    for (const oldest of answers.keys()) {
      if (answers.size <= mostKept) break;
      answers.delete(oldest);
    }
    return node;
  };
  const ask = async (key: string, token: string, before: Answer | undefined): Promise<string | Problem> => {
    try {
      return keep(key, nodeOfUser(await options.review(token), allowed));
    } catch {
      const known = typeof before?.node === "string" && clock() - before.at < outageMs;
      return known ? before.node : unavailable();
    }
  };

  return {
    async nodeOf(authorization) {
      const token = /^bearer +(\S+)$/i.exec(authorization?.trim() ?? "")?.[1];
      if (token === undefined || token.length > longestToken) throw unauthenticated();
      const key = createHash("sha256").update(token).digest("base64");
      const before = answers.get(key);
      const goodFor = typeof before?.node === "string" ? goodForMs : badForMs;
      if (before !== undefined && clock() - before.at < goodFor) return nodeOrThrow(before.node);
      // Reports of one agent that come while Kubernetes is asked wait for the same answer.
      let asked = asking.get(key);
      if (asked === undefined) {
        asked = ask(key, token, before).finally(() => asking.delete(key));
        asking.set(key, asked);
      }
      return nodeOrThrow(await asked);
    },
  };
}

/** @throws Problem 403 when an agent speaks for another node than its own. */
export function checkSpeaker(ownNode: string, reportedNode: string): void {
  if (ownNode === reportedNode) return;
  throw refused(`The token belongs to an agent on the node ${ownNode}; it may not report for another one.`);
}

function nodeOfUser(user: ReviewedAgent | undefined, allowed: ReadonlySet<string>): string | Problem {
  if (user === undefined) return unauthenticated();
  if (!allowed.has(user.username)) {
    return refused(
      `${user.username} is no agent's service account: agents are those in PULLTRACE_AGENT_SERVICE_ACCOUNTS.`,
    );
  }
  const node = user.extra[nodeKey]?.[0];
  if (node !== undefined && node !== "") return node;
  return refused("The token names no node. It has to be a pod's projected token, of Kubernetes 1.30 or newer.");
}

function nodeOrThrow(node: string | Problem): string {
  if (typeof node === "string") return node;
  throw node;
}

function unauthenticated(): Problem {
  return new Problem({
    code: "PT-401",
    status: 401,
    title: "Who are you?",
    detail: "A report needs the token of the agent's service account, made for this server's audience.",
    headers: { "www-authenticate": "Bearer" },
  });
}

function refused(detail: string): Problem {
  return new Problem({ code: "PT-403", status: 403, title: "Not allowed", detail });
}

function unavailable(): Problem {
  return new Problem({
    code: "PT-503",
    status: 503,
    title: "Not now",
    detail: "Kubernetes cannot be asked whose token it is. The report is taken when it answers again.",
    headers: { "retry-after": "5" },
  });
}
