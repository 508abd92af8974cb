import { access } from "@waybill/foundation/auth";
import type { HttpRoute } from "@waybill/foundation/http";
import { z } from "zod";
import { StoreError } from "../errors/index.ts";
import type { Policy } from "../collection/index.ts";
import type { TagRules } from "../retention/index.ts";
import type { Store } from "../store/index.ts";
import { planOf } from "./answers.ts";
import { repositoryName, schemas, time } from "./api-schemas.ts";
import { plan } from "./collection.ts";
import type { Gate } from "./gate.ts";
import { routeOf, type Operation } from "./operation.ts";
import { classRules } from "./retention-schemas.ts";

const pattern = z.string().min(1).max(255);
const tagRules = z.strictObject({
  last: z.int().nonnegative().optional(),
  matching: z.array(z.string().min(1).max(128)).max(100).optional(),
  usedWithinMs: z.int().nonnegative().optional(),
});

const tagPolicy = z.object({ name: z.string(), matching: pattern, rules: tagRules }).register(schemas, {
  id: "TagPolicy",
  description:
    "`matching`: repositories, `*` stands for any characters. A tag stays that is one of the `last` moved, has a name " +
    "`matching` a pattern, or was pushed or pulled within `usedWithinMs`; of several policies, each keeps what it keeps.",
});

const policy = z
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

const simulation = z.object({
  ...plan.shape,
  tags: z.array(z.object({ repository: repositoryName, tag: z.string(), sentence: z.string() })),
});

const savedPlan = z
  .object({ version: z.literal(1), store: z.uuid(), plan: z.looseObject({ at: z.int(), steps: z.array(z.unknown()) }) })
  .register(schemas, { id: "SavedPlan", description: "To be kept as it is, and applied later." });

const verdicts = z.object({
  items: z.array(z.object({ name: z.string(), kept: z.boolean(), sentence: z.string() })),
});

const tag = "collection";
/** A plan has a step for each thing that goes. */
const largestPlanBytes = 64 * 1024 * 1024;

export const policyOperations = {
  savePlan: {
    id: "savePlan",
    method: "GET",
    path: "/api/v1/collection/saved-plan",
    tag,
    access: access.operators,
    summary: "The plan of a collection, to be looked at and applied later",
    answer: { status: 200, description: "The plan.", schema: savedPlan },
  },
  applyPlan: {
    id: "applyPlan",
    method: "POST",
    path: "/api/v1/collection/apply",
    tag,
    access: access.operators,
    summary: "Do what a saved plan says, and nothing beside it",
    description:
      "409, before anything is done, when a step of it would not be done now. What is overtaken while it runs is left out " +
      "of the answer.",
    body: savedPlan,
    bodyExample: {
      version: 1,
      store: "7b0a3f0e-3f5e-4f0e-9d1c-2f6f3a1b5c4d",
      plan: {
        at: 1_798_761_600_000,
        steps: [
          {
            kind: "delete-blob",
            digest: `sha256:${"ab".repeat(32)}`,
            bytes: 1000,
            sentence: "goes because nobody wanted it while it was condemned",
          },
        ],
      },
    },
    bodyLimitBytes: largestPlanBytes,
    answer: { status: 200, description: "What was done.", schema: plan },
    problems: [409],
  },
  simulate: {
    id: "simulate",
    method: "POST",
    path: "/api/v1/collection/simulate",
    tag,
    access: access.operators,
    summary: "What would be gone by a time under a policy, and how many bytes of it",
    description: "Changes nothing. Looks at every manifest.",
    body: z.strictObject({ at: time, policy: policy.optional() }),
    bodyExample: {
      at: "2027-03-01T00:00:00Z",
      policy: {
        classes: [{ name: "monthly", lifetimeMs: 2_592_000_000 }],
        repositories: [{ matching: "team-a/nightly*", class: "monthly" }],
      },
    },
    answer: { status: 200, description: "In the shape of a plan, and the tags that would go.", schema: simulation },
  },
  listTagPolicies: {
    id: "listTagPolicies",
    method: "GET",
    path: "/api/v1/tag-policies",
    tag: "retention",
    access: access.operators,
    summary: "Tag rules that the store applies by itself",
    answer: { status: 200, description: "All of them.", schema: z.object({ items: z.array(tagPolicy) }) },
  },
  putTagPolicy: {
    id: "putTagPolicy",
    method: "PUT",
    path: "/api/v1/tag-policies/{policy}",
    tag: "retention",
    access: access.operators,
    summary: "Have the store apply tag rules before each collection",
    body: z.strictObject({ matching: pattern, rules: tagRules }),
    bodyExample: { matching: "team-a/*", rules: { last: 20, matching: ["v*"] } },
    answer: { status: 200, description: "The policy.", schema: tagPolicy },
  },
  deleteTagPolicy: {
    id: "deleteTagPolicy",
    method: "DELETE",
    path: "/api/v1/tag-policies/{policy}",
    tag: "retention",
    access: access.operators,
    summary: "End a tag policy",
    answer: { status: 204, description: "It is gone." },
    problems: [404],
  },
  judgeTags: {
    id: "judgeTags",
    method: "GET",
    path: "/api/v1/repositories/{name}/tag-verdicts",
    tag: "retention",
    access: access.everyone,
    summary: "What the tag policies would do to a repository's tags now",
    answer: { status: 200, description: "One verdict for each tag.", schema: verdicts },
    problems: [404],
  },
} as const satisfies Record<string, Operation>;

/** Plans that are kept, simulations, and what the store does to tags by itself. Plans speak of everybody's repositories. */
export function policyRoutes(store: Store, gate: Gate): HttpRoute[] {
  const { collection, tagPolicies } = store;
  return [
    routeOf(policyOperations.savePlan, async (c) => {
      gate.wholeStore(c);
      const saved = await collection.savePlan({ signal: c.req.raw.signal });
      return { ...saved, plan: { ...saved.plan, steps: [...saved.plan.steps] } };
    }),
    routeOf(policyOperations.applyPlan, async (c, { body }) => {
      gate.wholeStore(c);
      return planOf(await collection.applyPlan(body, { signal: c.req.raw.signal }));
    }),
    routeOf(policyOperations.simulate, async (c, { body }) => {
      gate.wholeStore(c);
      const asked = { at: Date.parse(body.at), signal: c.req.raw.signal };
      const { tags, ...would } = await collection.simulate(
        body.policy === undefined ? asked : { ...asked, policy: policyOf(body.policy) },
      );
      return { ...planOf(would), tags: [...tags] };
    }),
    routeOf(policyOperations.listTagPolicies, async (c) => {
      gate.wholeStore(c);
      return { items: (await tagPolicies.list()).map(answerOf) };
    }),
    routeOf(policyOperations.putTagPolicy, async (c, { body }) => {
      gate.wholeStore(c);
      const name = c.req.param("policy") ?? "";
      return answerOf(await tagPolicies.put({ name, matching: body.matching, rules: rulesIn(body.rules) }));
    }),
    routeOf(policyOperations.deleteTagPolicy, async (c) => {
      gate.wholeStore(c);
      const name = c.req.param("policy") ?? "";
      if (await tagPolicies.remove(name)) return undefined;
      throw new StoreError("POLICY_UNKNOWN", `there is no tag policy ${JSON.stringify(name.slice(0, 64))}`);
    }),
    routeOf(policyOperations.judgeTags, async (c) => {
      const repository = gate.repository(c, "pull");
      await store.tags.list(repository, { limit: 1 }); // says that there is no such repository
      return { items: [...(await tagPolicies.judge(repository))] };
    }),
  ];
}

/** Without the fields that are not there, as the store's types have them. */
function rulesIn({ last, matching, usedWithinMs }: z.output<typeof tagRules>): TagRules {
  return {
    ...(last === undefined ? {} : { last }),
    ...(matching === undefined ? {} : { matching }),
    ...(usedWithinMs === undefined ? {} : { usedWithinMs }),
  };
}

function policyOf({ classes, repositories, tags }: z.output<typeof policy>): Policy {
  return {
    ...(classes === undefined ? {} : { classes }),
    ...(repositories === undefined ? {} : { repositories }),
    ...(tags === undefined ? {} : { tags: tags.map(({ matching, rules }) => ({ matching, rules: rulesIn(rules) })) }),
  };
}

function answerOf({
  name,
  matching,
  rules,
}: {
  readonly name: string;
  readonly matching: string;
  readonly rules: TagRules;
}) {
  const { matching: names, ...others } = rules;
  return { name, matching, rules: { ...others, ...(names === undefined ? {} : { matching: [...names] }) } };
}
