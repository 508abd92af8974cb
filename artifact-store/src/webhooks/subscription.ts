import type { DeadLetterRow, WebhookRow } from "../catalog/index.ts";
import { StoreError } from "../errors/index.ts";
import { isSecret } from "./signature.ts";

export interface NewWebhook {
  /** Whose events; absent: everybody's. */
  readonly tenant?: string;
  readonly url: string;
  /** `whsec_` and base64 of 24 to 64 bytes; made when absent. */
  readonly secret?: string;
  /** Types of events; `*` at the end stands for any: `package.*`. All when absent. */
  readonly types?: readonly string[];
  /** The event after which it begins; absent: from now on. */
  readonly after?: number;
  readonly createdBy: string;
  /** Of whoever asks: asked again with the same one, it is the same subscription. */
  readonly key?: string;
}

/** Times are milliseconds since 1970. */
export interface Webhook {
  readonly id: string;
  readonly tenant?: string;
  readonly url: string;
  readonly types: readonly string[];
  /** Number of the last event that is settled. */
  readonly cursor: number;
  /** Attempts at the next event that failed. */
  readonly failures: number;
  readonly nextAttemptAt?: number;
  readonly lastError?: string;
  readonly lastDeliveredAt?: number;
  readonly createdAt: number;
  readonly createdBy: string;
}

/** An event that was given up. */
export interface DeadLetter {
  readonly number: number;
  readonly type: string;
  readonly subject: string;
  readonly attempts: number;
  readonly error: string;
  readonly at: number;
}

const typePattern = /^[a-z][a-z0-9.-]{0,63}\*?$|^\*$/;

/** What is asked for, as it is kept. @throws StoreError WEBHOOK_INVALID */
export function checkSubscription(asked: NewWebhook): { readonly url: string; readonly types: readonly string[] } {
  const types = asked.types ?? ["*"];
  if (types.length === 0 || types.length > 32 || !types.every((type) => typePattern.test(type))) {
    throw invalid("types are 1 to 32 names of events, with * at the end for any: package.*");
  }
  if (asked.secret !== undefined && !isSecret(asked.secret)) {
    throw invalid("a secret is whsec_ and base64 of 24 to 64 bytes");
  }
  return { url: checkUrl(asked.url), types };
}

export function invalid(detail: string): StoreError {
  return new StoreError("WEBHOOK_INVALID", detail);
}

function checkUrl(text: string): string {
  const url = URL.parse(text);
  if (url === null || text.length > 2000 || (url.protocol !== "https:" && url.protocol !== "http:")) {
    throw invalid("url is an http or https address of at most 2000 characters");
  }
  if (url.username !== "" || url.password !== "")
    throw invalid("url has no user and no password: deliveries are signed");
  return url.href;
}

export function webhookOf(row: WebhookRow): Webhook {
  return {
    id: row.id,
    ...(row.tenant === null ? {} : { tenant: row.tenant }),
    url: row.url,
    types: JSON.parse(row.types) as string[],
    cursor: row.cursor,
    failures: row.failures,
    ...(row.failures === 0 ? {} : { nextAttemptAt: row.next_at }),
    ...(row.last_error === null ? {} : { lastError: row.last_error }),
    ...(row.last_delivered_at === null ? {} : { lastDeliveredAt: row.last_delivered_at }),
    createdAt: row.created_at,
    createdBy: row.created_by,
  };
}

export function deadLetterOf({ number, type, subject, attempts, error, at }: DeadLetterRow): DeadLetter {
  return { number, type, subject, attempts, error, at };
}
