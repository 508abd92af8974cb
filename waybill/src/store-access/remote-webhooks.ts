import type { DeadLetterListing, WebhookAccess, WebhookListing } from "./contract.ts";
import type { Call } from "./http-client.ts";

const path = "/api/v1/webhooks";

/** Subscriptions through `/api/v1/webhooks`. */
export function remoteWebhooks(
  json: <T>(call: Omit<Call, "expected">) => Promise<T>,
  done: (method: string, path: string, expected: readonly number[]) => Promise<void>,
): WebhookAccess {
  const pathOf = (id: string): string => `${path}/${encodeURIComponent(id)}`;
  return {
    list: async () => (await json<{ items: WebhookListing[] }>({ method: "GET", path })).items,
    get: (id) => json<WebhookListing>({ method: "GET", path: pathOf(id) }),
    add: ({ key, ...asked }) =>
      json<WebhookListing & { secret: string }>({
        method: "POST",
        path,
        json: asked,
        headers: key === undefined ? {} : { "idempotency-key": key },
      }),
    remove: (id) => done("DELETE", pathOf(id), [204]),
    async deadLetters(id, before) {
      const query = before === undefined ? "" : `?before=${before}`;
      return (await json<{ items: DeadLetterListing[] }>({ method: "GET", path: `${pathOf(id)}/dead-letters${query}` }))
        .items;
    },
    redeliver: (id, number) => done("POST", `${pathOf(id)}/dead-letters/${number}/redeliver`, [204]),
  };
}
