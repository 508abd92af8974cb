/** Subscriptions of outgoing webhooks. Times are milliseconds since 1970. */
export interface WebhookTables {
  store_webhooks: {
    id: string;
    /** Whose events it gets; null: all. */
    tenant: string | null;
    url: string;
    /** Signs what is sent. Sealed with a key that is not in the catalog; in plain only from before that was so. */
    secret: string;
    /** JSON: types of events, `*` at the end stands for any. */
    types: string;
    /** Everything up to this number has been delivered, passed over, or given up. */
    cursor: number;
    /** Attempts at the next event that failed. */
    failures: number;
    /** Not before then. */
    next_at: number;
    last_error: string | null;
    last_delivered_at: number | null;
    created_at: number;
    created_by: string;
    /** Digest of what an idempotency key subscribed with, the secret left out. */
    fingerprint: string | null;
  };
  /** What was given up. */
  store_webhook_dead_letters: {
    webhook_id: string;
    number: number;
    type: string;
    subject: string;
    attempts: number;
    error: string;
    at: number;
  };
}

export const webhookMigration: { readonly name: string; readonly sql: string } = {
  name: "webhooks",
  sql: `
    create table store_webhooks (
      id text not null primary key,
      tenant text,
      url text not null,
      secret text not null,
      types text not null,
      cursor bigint not null,
      failures bigint not null,
      next_at bigint not null,
      last_error text,
      last_delivered_at bigint,
      created_at bigint not null,
      created_by text not null
    );
    create index store_webhooks_by_tenant on store_webhooks (tenant, created_at, id);
    create table store_webhook_dead_letters (
      webhook_id text not null references store_webhooks (id) on delete cascade,
      number bigint not null,
      type text not null,
      subject text not null,
      attempts bigint not null,
      error text not null,
      at bigint not null,
      primary key (webhook_id, number)
    )`,
};

export const webhookKeyMigration: { readonly name: string; readonly sql: string } = {
  name: "webhooks by key",
  sql: "alter table store_webhooks add column fingerprint text",
};
