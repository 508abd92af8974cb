import type { Catalog } from "./schema.ts";
import type { WebhookTables } from "./webhook-tables.ts";

export type WebhookRow = Readonly<WebhookTables["store_webhooks"]>;
export type DeadLetterRow = Readonly<WebhookTables["store_webhook_dead_letters"]>;

/** @param tenant only those of this one; undefined: all */
export async function listWebhooks(catalog: Catalog, tenant?: string): Promise<WebhookRow[]> {
  let query = catalog.selectFrom("store_webhooks").selectAll().orderBy("created_at").orderBy("id");
  if (tenant !== undefined) query = query.where("tenant", "=", tenant);
  return await query.execute();
}

export async function findWebhook(catalog: Catalog, id: string): Promise<WebhookRow | undefined> {
  return await catalog.selectFrom("store_webhooks").selectAll().where("id", "=", id).executeTakeFirst();
}

/** Says whether it was not there yet. */
export async function insertWebhook(tx: Catalog, row: WebhookRow): Promise<boolean> {
  const made = await tx
    .insertInto("store_webhooks")
    .values(row)
    .onConflict((conflict) => conflict.column("id").doNothing())
    .returning("id")
    .executeTakeFirst();
  return made !== undefined;
}

export async function updateWebhook(
  tx: Catalog,
  id: string,
  change: Partial<Pick<WebhookRow, "cursor" | "failures" | "next_at" | "last_error" | "last_delivered_at" | "secret">>,
): Promise<void> {
  await tx.updateTable("store_webhooks").set(change).where("id", "=", id).execute();
}

export async function deleteWebhook(tx: Catalog, id: string): Promise<void> {
  await tx.deleteFrom("store_webhooks").where("id", "=", id).execute();
}

/** The newest first. */
export async function listDeadLetters(
  catalog: Catalog,
  webhook: string,
  page: { readonly before: number; readonly limit: number },
): Promise<DeadLetterRow[]> {
  return await catalog
    .selectFrom("store_webhook_dead_letters")
    .selectAll()
    .where("webhook_id", "=", webhook)
    .where("number", "<", page.before)
    .orderBy("number", "desc")
    .limit(page.limit)
    .execute();
}

export async function insertDeadLetter(tx: Catalog, row: DeadLetterRow): Promise<void> {
  await tx
    .insertInto("store_webhook_dead_letters")
    .values(row)
    .onConflict((conflict) => conflict.columns(["webhook_id", "number"]).doUpdateSet(row))
    .execute();
}

/** Says whether it was there. */
export async function deleteDeadLetter(tx: Catalog, webhook: string, number: number): Promise<boolean> {
  const gone = await tx
    .deleteFrom("store_webhook_dead_letters")
    .where("webhook_id", "=", webhook)
    .where("number", "=", number)
    .returning("number")
    .executeTakeFirst();
  return gone !== undefined;
}
