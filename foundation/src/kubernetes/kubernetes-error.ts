import { UserError } from "../errors/index.ts";

/**
 * - `FORBIDDEN`: the advice names the missing RBAC rule
 * - `EXPIRED`: the resource version or the continue token is too old: list anew
 * - `CONFLICT`: somebody else changed the object, or owns a field (`causes` names field and manager)
 * - `BAD_ANSWER`: not what a Kubernetes API answers
 */
export type KubernetesErrorCode =
  | "UNREACHABLE"
  | "CERTIFICATE"
  | "TIMEOUT"
  | "UNAUTHORIZED"
  | "FORBIDDEN"
  | "NOT_FOUND"
  | "ALREADY_EXISTS"
  | "CONFLICT"
  | "EXPIRED"
  | "INVALID"
  | "THROTTLED"
  | "UNAVAILABLE"
  | "BAD_ANSWER"
  | "CONFIGURATION";

/** One part of what is wrong, as the API server lists it in `details.causes`. */
export interface KubernetesCause {
  readonly reason: string;
  readonly message: string;
  /** JSON path such as `.spec.replicas`. */
  readonly field?: string;
  /** On a conflict of server-side apply: who owns the field. */
  readonly manager?: string;
}

export interface KubernetesErrorInit {
  readonly code: KubernetesErrorCode;
  readonly message: string;
  readonly advice: string;
  /** HTTP status; absent when there was no answer. */
  readonly status?: number;
  readonly reason?: string;
  readonly causes?: readonly KubernetesCause[];
  /** Milliseconds that the server asked to wait. */
  readonly retryAfterMs?: number;
  readonly cause?: unknown;
}

/** What a call of the Kubernetes API failed with, and what to do about it. Never holds a token or a key. */
export class KubernetesError extends UserError {
  override readonly name = "KubernetesError";
  readonly code: KubernetesErrorCode;
  readonly status: number | undefined;
  readonly reason: string | undefined;
  readonly causes: readonly KubernetesCause[];
  readonly retryAfterMs: number | undefined;

  constructor(init: KubernetesErrorInit) {
    super(init.message, init.advice, init.cause === undefined ? undefined : { cause: init.cause });
    this.code = init.code;
    this.status = init.status;
    this.reason = init.reason;
    this.causes = init.causes ?? [];
    this.retryAfterMs = init.retryAfterMs;
  }

  /** Whether the same call may succeed later without anybody changing anything. */
  get passing(): boolean {
    return passingCodes.has(this.code);
  }
}

const passingCodes: ReadonlySet<KubernetesErrorCode> = new Set(["UNREACHABLE", "TIMEOUT", "THROTTLED", "UNAVAILABLE"]);
