import { parseBlobKey } from "../blobs/index.ts";
import { parseDigest } from "../digest/index.ts";
import { StoreError } from "../errors/index.ts";
import { isUuid, parseRepositoryName } from "../names/index.ts";
import { planOf, targetOfStep, type CollectionPlan, type CollectionStep } from "./step.ts";

/** A plan as it is kept, read by people, and applied later: JSON. */
export interface SavedPlan {
  readonly version: 1;
  /** The store whose plan it is. */
  readonly store: string;
  readonly plan: CollectionPlan;
}

/** What makes a step the same step, whatever its sentence says. */
export function identityOfStep(step: CollectionStep): string {
  return `${step.kind} ${targetOfStep(step)}`;
}

/** Steps of `plan` that would not be done now. */
export function stepsMovedOn(plan: CollectionPlan, now: CollectionPlan): CollectionStep[] {
  const possible = new Set(now.steps.map(identityOfStep));
  return plan.steps.filter((step) => !possible.has(identityOfStep(step)));
}

const most = 1_000_000;

/**
 * A plan that somebody sent or saved.
 * @throws StoreError PLAN_INVALID
 */
export function parseSavedPlan(document: unknown): SavedPlan {
  const { version, store, plan } = object(document, "a saved plan");
  if (version !== 1) throw invalid("its version is not 1: another release made it");
  if (typeof store !== "string" || !/^[0-9a-f-]{36}$/.test(store))
    throw invalid("it does not say of which store it is");
  const { at, steps } = object(plan, "the plan");
  if (typeof at !== "number" || !Number.isSafeInteger(at) || at < 0) throw invalid("`at` is no time");
  if (!Array.isArray(steps) || steps.length > most) throw invalid(`\`steps\` is a list of at most ${most}`);
  return { version, store, plan: planOf(at, steps.map(parseStep)) };
}

function parseStep(value: unknown, index: number): CollectionStep {
  const { kind, repository, package: id, digest, key, bytes, sentence = "" } = object(value, `step ${index}`);
  if (typeof sentence !== "string" || sentence.length > 2000) throw invalid(`step ${index} has no sentence`);
  const size = typeof bytes === "number" && Number.isSafeInteger(bytes) && bytes >= 0 ? bytes : undefined;
  const named = parseDigest(text(digest));
  switch (kind) {
    case "expire-package":
      if (!isUuid(text(id))) break;
      return { kind, repository: parseRepositoryName(text(repository)), package: text(id), sentence };
    case "delete-manifest":
    case "unlink-blob":
      if (named === undefined) break;
      return { kind, repository: parseRepositoryName(text(repository)), digest: named, sentence };
    case "revive-blob":
      if (named === undefined) break;
      return { kind, digest: named, sentence };
    case "condemn-blob":
    case "delete-blob":
      if (named === undefined || size === undefined) break;
      return { kind, digest: named, bytes: size, sentence };
    case "remove-bytes": {
      const where = parseBlobKey(text(key));
      if (where === undefined || size === undefined) break;
      return { kind, key: where, bytes: size, sentence };
    }
    default:
  }
  throw invalid(`step ${index} is none that a collection makes`);
}

function text(value: unknown): string {
  return typeof value === "string" ? value : "";
}

function object(value: unknown, what: string): Record<string, unknown> {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  throw invalid(`${what} is no JSON object`);
}

function invalid(detail: string): StoreError {
  return new StoreError("PLAN_INVALID", `this is no plan that can be applied: ${detail}`);
}
