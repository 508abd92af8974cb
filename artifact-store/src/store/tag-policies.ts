import {
  allTagPolicies,
  deleteTagPolicy,
  putTagPolicy,
  taggedRepositories,
  type Catalog,
  type Commits,
  type TagPolicy,
} from "../catalog/index.ts";
import { StoreError } from "../errors/index.ts";
import type { RepositoryName } from "../names/index.ts";
import { judgeTags, matchesPattern, type TagRules, type TagVerdict } from "../retention/index.ts";
import type { Retention } from "./retention.ts";

const namePattern = /^[a-z0-9]+(?:[._-][a-z0-9]+)*$/;
const mostPolicies = 1000;

/** Tag rules that the store applies by itself before each collection in the background. */
export class TagPolicies {
  readonly #catalog: Catalog;
  readonly #commits: Commits;
  readonly #retention: Retention;

  constructor(parts: { readonly catalog: Catalog; readonly commits: Commits; readonly retention: Retention }) {
    this.#catalog = parts.catalog;
    this.#commits = parts.commits;
    this.#retention = parts.retention;
  }

  /** By name. */
  async list(): Promise<readonly TagPolicy[]> {
    return await allTagPolicies(this.#catalog);
  }

  async find(name: string): Promise<TagPolicy | undefined> {
    return (await this.list()).find((one) => one.name === name);
  }

  /**
   * Makes a policy, or replaces the one of this name.
   * @param check is shown the policy as it is, in the transaction that changes it; when it throws, nothing changes
   * @throws StoreError RETENTION_INVALID
   */
  async put(policy: TagPolicy, check?: (present: TagPolicy | undefined) => void): Promise<TagPolicy> {
    const { name, matching, rules } = policy;
    if (!namePattern.test(name) || name.length > 64) {
      throw invalid("a policy's name has up to 64 lower-case letters, digits, and - . _ between them");
    }
    if (matching === "" || matching.length > 255) throw invalid("a pattern of repositories has 1 to 255 characters");
    judgeTags([], rules, 0); // refuses rules that are none
    const checked = { name, matching, rules };
    await this.#commits.commit(async (tx) => {
      const known = await allTagPolicies(tx);
      const present = known.find((one) => one.name === name);
      check?.(present);
      if (known.length >= mostPolicies && present === undefined) {
        throw invalid(`there are ${mostPolicies} policies already`);
      }
      await putTagPolicy(tx, checked);
    });
    return checked;
  }

  /**
   * Says whether there was one.
   * @param check is shown the policy, if there is one, in the transaction that removes it; when it throws, it stays
   */
  async remove(name: string, check?: (present: TagPolicy) => void): Promise<boolean> {
    return await this.#commits.commit(async (tx) => {
      const present = (await allTagPolicies(tx)).find((one) => one.name === name);
      if (present === undefined) return false;
      check?.(present);
      return await deleteTagPolicy(tx, name);
    });
  }

  /** What the policies that are would do to a repository's tags now. A tag that any of them keeps stays. */
  async judge(repository: RepositoryName): Promise<readonly TagVerdict[]> {
    return await this.#retention.judgeTags(repository, this.#rulesFor(repository, await this.list()));
  }

  /**
   * Removes the tags that no policy keeps, repository by repository, each in one commit. Repositories that no policy
   * matches keep all. Answers how many tags went.
   */
  async apply(signal?: AbortSignal): Promise<number> {
    const policies = await this.list();
    if (policies.length === 0) return 0;
    let removed = 0;
    for (const repository of await taggedRepositories(this.#catalog)) {
      signal?.throwIfAborted();
      const rules = this.#rulesFor(repository, policies);
      if (rules.length === 0) continue;
      // Most times nothing is to be done, and that costs no commit.
      const due = (await this.#retention.judgeTags(repository, rules)).some(({ kept }) => !kept);
      if (!due) continue;
      removed += (await this.#retention.applyTagRules(repository, rules)).filter(({ kept }) => !kept).length;
    }
    return removed;
  }

  #rulesFor(repository: RepositoryName, policies: readonly TagPolicy[]): readonly TagRules[] {
    return policies.filter(({ matching }) => matchesPattern(matching, repository)).map(({ rules }) => rules);
  }
}

function invalid(detail: string): StoreError {
  return new StoreError("RETENTION_INVALID", detail);
}
