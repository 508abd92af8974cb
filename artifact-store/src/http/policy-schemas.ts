import { z } from "zod";
import type { TagPolicy } from "../catalog/index.ts";
import type { Policy, Simulation } from "../collection/index.ts";
import { StoreError } from "../errors/index.ts";
import type { TagRules } from "../retention/index.ts";
import { planOf } from "./answers.ts";
import { repositoryName, schemas } from "./api-schemas.ts";
import { plan } from "./collection.ts";
import { classRules } from "./retention-schemas.ts";

export const pattern = z.string().min(1).max(255);
export const tagRules = z.strictObject({
  last: z.int().nonnegative().optional(),
  matching: z.array(z.string().min(1).max(128)).max(100).optional(),
  usedWithinMs: z.int().nonnegative().optional(),
});

export const tagPolicy = z.object({ name: z.string(), matching: pattern, rules: tagRules }).register(schemas, {
  id: "TagPolicy",
  description:
    "`matching`: repositories, `*` stands for any characters. A tag stays that is one of the `last` moved, has a name " +
    "`matching` a pattern, or was pushed or pulled within `usedWithinMs`; of several policies, each keeps what it keeps.",
});

export const policy = z
  .strictObject({
    classes: z
      .array(z.strictObject({ name: z.string().min(1).max(63), ...classRules.shape }))
      .max(100)
      .optional(),
    repositories: z
      .array(z.strictObject({ matching: pattern, class: z.string() }))
      .max(1000)
      .optional(),
    tags: z
      .array(z.strictObject({ matching: pattern, rules: tagRules }))
      .max(1000)
      .optional(),
  })
  .register(schemas, {
    id: "Policy",
    description: "Rules as they might be, beside those that are. The first of `repositories` that matches counts.",
  });

export const simulation = z.object({
  ...plan.shape,
  tags: z.array(z.object({ repository: repositoryName, tag: z.string(), sentence: z.string() })),
});

export const savedPlan = z
  .object({ version: z.literal(1), store: z.uuid(), plan: z.looseObject({ at: z.int(), steps: z.array(z.unknown()) }) })
  .register(schemas, { id: "SavedPlan", description: "To be kept as it is, and applied later." });

export const verdicts = z.object({
  items: z.array(z.object({ name: z.string(), kept: z.boolean(), sentence: z.string() })),
});

/** Without the fields that are not there, as the store's types have them. */
export function rulesIn({ last, matching, usedWithinMs }: z.output<typeof tagRules>): TagRules {
  return {
    ...(last === undefined ? {} : { last }),
    ...(matching === undefined ? {} : { matching }),
    ...(usedWithinMs === undefined ? {} : { usedWithinMs }),
  };
}

export function policyIn({ classes, repositories, tags }: z.output<typeof policy>): Policy {
  return {
    ...(classes === undefined ? {} : { classes }),
    ...(repositories === undefined ? {} : { repositories }),
    ...(tags === undefined ? {} : { tags: tags.map(({ matching, rules }) => ({ matching, rules: rulesIn(rules) })) }),
  };
}

/**
 * A policy for a simulation, from JSON that somebody wrote.
 * @throws StoreError RETENTION_INVALID, with the place in the document
 */
export function parsePolicy(document: unknown): Policy {
  const parsed = policy.safeParse(document);
  if (parsed.success) return policyIn(parsed.data);
  const [issue] = parsed.error.issues;
  const where = (issue?.path ?? []).map((step) => `/${String(step)}`).join("");
  throw new StoreError("RETENTION_INVALID", `this is no policy: ${where} ${issue?.message ?? ""}`.replace("  ", " "));
}

export function simulationOf({ tags, ...would }: Simulation) {
  return { ...planOf(would), tags: [...tags] };
}

export function tagPolicyOf({ name, matching, rules }: TagPolicy) {
  const { matching: names, ...others } = rules;
  return { name, matching, rules: { ...others, ...(names === undefined ? {} : { matching: [...names] }) } };
}
