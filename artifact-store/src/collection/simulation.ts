import { extensionsOf, pageAllManifests, tagFacts, type Catalog } from "../catalog/index.ts";
import type { RepositoryName } from "../names/index.ts";
import {
  judgeTagsByAll,
  matchesPattern,
  type ManifestFacts,
  type RetentionClass,
  type TagRules,
} from "../retention/index.ts";
import { Overlay } from "./overlay.ts";
import { planBlobs, planManifests, planPackages, removalSteps } from "./planning.ts";
import { planOf, type CollectionPlan, type CollectionStep } from "./step.ts";

/** Rules as they might be, beside those that are. */
export interface Policy {
  /** In place of the classes of the same names. */
  readonly classes?: readonly RetentionClass[];
  /** Which class manifests of a repository would be in; `*` in a name stands for any characters. The first that matches. */
  readonly repositories?: readonly { readonly matching: string; readonly class: string }[];
  /** Which tags a repository would keep; a tag that any matching rules keep stays. */
  readonly tags?: readonly { readonly matching: string; readonly rules: TagRules }[];
}

/** A tag that a policy takes away. */
export interface TagStep {
  readonly repository: RepositoryName;
  readonly tag: string;
  readonly sentence: string;
}

/** What would be gone by a time, if nobody did anything until then. */
export interface Simulation extends CollectionPlan {
  readonly tags: readonly TagStep[];
}

/**
 * What would go by `at` under a policy, and the bytes of it. Blobs count as given back as soon as nothing keeps them: the
 * grace of a condemned one is one more collection. Looks at every manifest, and changes nothing.
 */
export async function simulate(parts: {
  readonly catalog: Catalog;
  readonly leaseMs: number;
  readonly looseMs: number;
  readonly at: number;
  readonly policy: Policy;
  /** The classes that are defined now. */
  readonly classes: readonly RetentionClass[];
  readonly signal?: AbortSignal;
}): Promise<Simulation> {
  const { catalog, at, policy, signal } = parts;
  const steps: CollectionStep[] = [];
  const tags: TagStep[] = [];
  const overlay = new Overlay();
  const planning = {
    catalog,
    overlay,
    at,
    leaseMs: parts.leaseMs,
    signal,
    did: (done: readonly CollectionStep[]) => void steps.push(...done),
  };
  const classes = new Map([...parts.classes, ...(policy.classes ?? [])].map((one) => [one.name, one]));
  const untagged = new Map<number, ReadonlySet<string>>();

  const tagsGone = async (repository: { readonly repositoryId: number; readonly repository: RepositoryName }) => {
    const known = untagged.get(repository.repositoryId);
    if (known !== undefined) return known;
    const rules = (policy.tags ?? []).filter(({ matching }) => matchesPattern(matching, repository.repository));
    const facts = rules.length === 0 ? [] : await tagFacts(catalog, repository.repositoryId);
    const verdicts = judgeTagsByAll(
      facts,
      rules.map((one) => one.rules),
      at,
    );
    const going = verdicts.filter(({ kept }) => !kept);
    const gone = new Set(going.map(({ name }) => name));
    tags.push(...going.map(({ name, sentence }) => ({ repository: repository.repository, tag: name, sentence })));
    untagged.set(repository.repositoryId, gone);
    return gone;
  };

  await planPackages(planning);
  await planManifests(planning, pageAllManifests(catalog), async (facts, manifest) => {
    const gone = await tagsGone(manifest);
    const left = facts.tags.filter((tag) => !gone.has(tag));
    const rules = classUnder(policy, classes, facts, manifest.repository);
    const changed = rules !== facts.class;
    return {
      ...facts,
      tags: left,
      ...(left.length < facts.tags.length && left.length === 0
        ? { untaggedAt: facts.untaggedAt ?? facts.createdAt }
        : {}),
      class: rules,
      ...(changed ? { expiresAt: await expiryUnder(catalog, facts, rules, manifest) } : {}),
    };
  });
  const going = await planBlobs(planning, { graceMs: 0, looseMs: parts.looseMs });
  return { ...planOf(at, [...steps, ...removalSteps(going)]), tags };
}

function classUnder(
  policy: Policy,
  classes: ReadonlyMap<string, RetentionClass>,
  facts: ManifestFacts,
  repository: RepositoryName,
): RetentionClass {
  const chosen = policy.repositories?.find(({ matching }) => matchesPattern(matching, repository))?.class;
  const under = classes.get(chosen ?? facts.class.name) ?? facts.class;
  return JSON.stringify(under) === JSON.stringify(facts.class) ? facts.class : under;
}

/** As if it had been pushed into this class: its lifetime from then, or what somebody extended it to. */
async function expiryUnder(
  catalog: Catalog,
  facts: ManifestFacts,
  rules: RetentionClass,
  manifest: { readonly repositoryId: number; readonly digest: Parameters<typeof extensionsOf>[2] },
): Promise<number | undefined> {
  if (rules.lifetimeMs === null) return undefined;
  const extensions = await extensionsOf(catalog, manifest.repositoryId, manifest.digest);
  return Math.max(facts.createdAt + rules.lifetimeMs, ...extensions.map((one) => one.until));
}
