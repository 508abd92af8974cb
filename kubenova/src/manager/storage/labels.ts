import { expressionBuilder, sql, type Expression, type SqlBool } from "kysely";
import type { LabelRequirement, Labels } from "../../contract/index.ts";
import type { ManagerTables, ManagerTransaction } from "./tables.ts";

export async function insertLabels(tx: ManagerTransaction, resourceId: string, labels: Labels): Promise<void> {
  const rows = Object.entries(labels).map(([key, value]) => ({ resource_id: resourceId, key, value }));
  if (rows.length > 0) await tx.insertInto("kubenova_labels").values(rows).execute();
}

export async function deleteLabels(tx: ManagerTransaction, resourceId: string): Promise<void> {
  await tx.deleteFrom("kubenova_labels").where("resource_id", "=", resourceId).execute();
}

/** The condition that a row of `table` meets every requirement: the same that `selects` says of its labels. */
export function meetsRequirements(
  table: "kubenova_clusters" | "kubenova_tenants",
  requirements: readonly LabelRequirement[],
): Expression<SqlBool> {
  const expressions = expressionBuilder<ManagerTables>();
  const conditions = requirements.map((requirement) => {
    const withKey = expressions
      .selectFrom("kubenova_labels")
      .select("resource_id")
      .where("resource_id", "=", sql.ref<string>(`${table}.id`))
      .where("key", "=", requirement.key);
    const label = "values" in requirement ? withKey.where("value", "in", requirement.values) : withKey;
    const wanted = requirement.operator === "exists" || requirement.operator === "in";
    return wanted ? expressions.exists(label) : expressions.not(expressions.exists(label));
  });
  return expressions.and(conditions);
}
