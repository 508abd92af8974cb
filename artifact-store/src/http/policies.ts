import { access } from "@waybill/foundation/auth";
import type { HttpRoute } from "@waybill/foundation/http";
import { z } from "zod";
import { StoreError } from "../errors/index.ts";
import type { Store } from "../store/index.ts";
import { planOf } from "./answers.ts";
import { time } from "./api-schemas.ts";
import { plan, streamed, told } from "./collection.ts";
import { conditionsOf, etagField, ifMatchField, ifNoneMatchField, tagged } from "./entity-tag.ts";
import type { Gate } from "./gate.ts";
import { routeOf, type Operation } from "./operation.ts";
import {
  pattern,
  policy,
  policyIn,
  rulesIn,
  savedPlan,
  simulation,
  simulationOf,
  tagPolicy,
  tagPolicyOf,
  tagRules,
  verdicts,
} from "./policy-schemas.ts";

const tag = "collection";
/** A plan has a step for each thing that goes. */
const largestPlanBytes = 64 * 1024 * 1024;
const largestPolicyBytes = 1024 * 1024;

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
      `of the answer. ${streamed}`,
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
    bodyLimitBytes: largestPolicyBytes,
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
  getTagPolicy: {
    id: "getTagPolicy",
    method: "GET",
    path: "/api/v1/tag-policies/{policy}",
    tag: "retention",
    access: access.operators,
    summary: "One tag policy",
    answer: { status: 200, description: "The policy.", schema: tagPolicy, headers: [etagField] },
    problems: [404],
  },
  putTagPolicy: {
    id: "putTagPolicy",
    method: "PUT",
    path: "/api/v1/tag-policies/{policy}",
    tag: "retention",
    access: access.operators,
    summary: "Have the store apply tag rules before each collection",
    description: "One of the same name is replaced. With `If-Match` it overwrites nobody else's change.",
    headers: [ifMatchField, ifNoneMatchField],
    body: z.strictObject({ matching: pattern, rules: tagRules }),
    bodyExample: { matching: "team-a/*", rules: { last: 20, matching: ["v*"] } },
    answer: { status: 200, description: "The policy.", schema: tagPolicy, headers: [etagField] },
    problems: [412],
    problemHeaders: { 412: [etagField] },
  },
  deleteTagPolicy: {
    id: "deleteTagPolicy",
    method: "DELETE",
    path: "/api/v1/tag-policies/{policy}",
    tag: "retention",
    access: access.operators,
    summary: "End a tag policy",
    headers: [ifMatchField],
    answer: { status: 204, description: "It is gone." },
    problems: [404, 412],
    problemHeaders: { 412: [etagField] },
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
      return await told(c, async (signal, tell) => {
        const done = await collection.applyPlan(body, {
          signal,
          onProgress: ({ steps, bytesFreed, last }) => tell({ steps, bytesFreed, last }),
        });
        return planOf(done);
      });
    }),
    routeOf(policyOperations.simulate, async (c, { body }) => {
      gate.wholeStore(c);
      const asked = { at: Date.parse(body.at), signal: c.req.raw.signal };
      return simulationOf(
        await collection.simulate(body.policy === undefined ? asked : { ...asked, policy: policyIn(body.policy) }),
      );
    }),
    routeOf(policyOperations.listTagPolicies, async (c) => {
      gate.wholeStore(c);
      return { items: (await tagPolicies.list()).map(tagPolicyOf) };
    }),
    routeOf(policyOperations.getTagPolicy, async (c) => {
      gate.wholeStore(c);
      const name = c.req.param("policy") ?? "";
      const found = await tagPolicies.find(name);
      if (found === undefined) throw noPolicy(name);
      return tagged(tagPolicyOf(found));
    }),
    routeOf(policyOperations.putTagPolicy, async (c, { body }) => {
      gate.wholeStore(c);
      const name = c.req.param("policy") ?? "";
      const conditions = conditionsOf(c);
      const policy = { name, matching: body.matching, rules: rulesIn(body.rules) };
      return tagged(tagPolicyOf(await tagPolicies.put(policy, (now) => conditions(now && tagPolicyOf(now)))));
    }),
    routeOf(policyOperations.deleteTagPolicy, async (c) => {
      gate.wholeStore(c);
      const name = c.req.param("policy") ?? "";
      const conditions = conditionsOf(c);
      if (await tagPolicies.remove(name, (now) => conditions(tagPolicyOf(now)))) return undefined;
      throw noPolicy(name);
    }),
    routeOf(policyOperations.judgeTags, async (c) => {
      const repository = gate.repository(c, "pull");
      await store.tags.list(repository, { limit: 1 }); // says that there is no such repository
      return { items: [...(await tagPolicies.judge(repository))] };
    }),
  ];
}

function noPolicy(name: string): StoreError {
  return new StoreError("POLICY_UNKNOWN", `there is no tag policy ${JSON.stringify(name.slice(0, 64))}`);
}
