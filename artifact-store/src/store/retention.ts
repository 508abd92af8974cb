import type { Transaction } from "@waybill/foundation/database";
import {
  allClasses,
  classInUse,
  classOfRepository,
  defineClass,
  deleteClass,
  deleteTag,
  ensureRepository,
  extensionsOf,
  findClass,
  findTombstone,
  hasManifest,
  holdsOf,
  manifestFacts,
  pageTombstones,
  placeHold,
  recordExtension,
  releaseHold,
  repositoryId,
  reviewManifest,
  setClassOfRepository,
  setExpiry,
  tagFacts,
  untagManifest,
  type Catalog,
  type Commits,
  type Extension,
  type HoldRow,
  type StoreTables,
  type Tombstone,
} from "../catalog/index.ts";
import type { Digest } from "../digest/index.ts";
import { StoreError } from "../errors/index.ts";
import type { StoreEvent } from "../events/index.ts";
import { parseTag, type RepositoryName } from "../names/index.ts";
import {
  eligibilityOf,
  extendedUntil,
  judgeTagsByAll,
  parseRetentionClass,
  standardClass,
  type Eligibility,
  type NamedReason,
  type RetentionClass,
  type TagRules,
  type TagVerdict,
} from "../retention/index.ts";

/** A manifest's retention record. Times are milliseconds since 1970. */
export interface ManifestRetention {
  readonly class: string;
  /** Undefined: without end. */
  readonly expiresAt: number | undefined;
  readonly extensions: readonly Extension[];
  readonly holds: readonly HoldRow[];
}

const longestText = 500;

/** How long manifests live, and what keeps them. */
export class Retention {
  readonly #catalog: Catalog;
  readonly #commits: Commits;
  readonly #leaseMs: number;
  readonly #now: () => number;

  constructor(parts: {
    readonly catalog: Catalog;
    readonly commits: Commits;
    readonly leaseMs: number;
    readonly now: () => number;
  }) {
    this.#catalog = parts.catalog;
    this.#commits = parts.commits;
    this.#leaseMs = parts.leaseMs;
    this.#now = parts.now;
  }

  async classes(): Promise<readonly RetentionClass[]> {
    return await allClasses(this.#catalog);
  }

  /**
   * Defines a class, or defines it anew: what is in it keeps the expiry that it has; the rest holds at once.
   * @param check is shown the class as it is, in the transaction that changes it; when it throws, nothing changes
   * @throws StoreError RETENTION_INVALID
   */
  async defineClass(
    rules: RetentionClass,
    check?: (present: RetentionClass | undefined) => void,
  ): Promise<RetentionClass> {
    const checked = parseRetentionClass(rules);
    await this.#commits.commit(async (tx, tell) => {
      check?.(await findClass(tx, checked.name));
      await defineClass(tx, checked, this.#now());
      tell({ type: "class.defined", class: checked.name });
    });
    return checked;
  }

  /**
   * Forgets a class that nothing is in. Answers whether it was defined; `standard` then is what it was at first.
   * @param check is shown the class, if there is one, in the transaction that removes it; when it throws, it stays
   * @throws StoreError HELD
   */
  async removeClass(name: string, check?: (present: RetentionClass) => void): Promise<boolean> {
    return await this.#commits.commit(async (tx, tell) => {
      const present = await findClass(tx, name);
      if (present === undefined) return false;
      check?.(present);
      if (name !== standardClass.name && (await classInUse(tx, name))) {
        throw new StoreError(
          "HELD",
          `class ${name} is in use: put its repositories and manifests into another one first`,
        );
      }
      const was = await deleteClass(tx, name);
      if (was) tell({ type: "class.removed", class: name });
      return was;
    });
  }

  /** The class that manifests get which are pushed here from now on. @throws StoreError RETENTION_INVALID */
  async useClass(repository: RepositoryName, name: string): Promise<void> {
    await this.#commits.commit(async (tx) => {
      await existingClass(tx, name);
      await setClassOfRepository(tx, await ensureRepository(tx, repository, this.#now()), name);
    });
  }

  async classOf(repository: RepositoryName): Promise<RetentionClass> {
    return await classOfRepository(this.#catalog, (await repositoryId(this.#catalog, repository)) ?? 0);
  }

  /**
   * Puts a manifest into a class; its expiry begins anew from now. Never ends a locked one's time sooner.
   * @throws StoreError RETENTION_INVALID, MANIFEST_UNKNOWN, HELD
   */
  async classify(repository: RepositoryName, digest: Digest, name: string): Promise<void> {
    await this.#change(repository, digest, async (tx, tell, home) => {
      const rules = await existingClass(tx, name);
      const facts = await this.#facts(tx, home, repository, digest);
      const now = this.#now();
      const expiresAt = rules.lifetimeMs === null ? undefined : now + rules.lifetimeMs;
      const before = facts.expiresAt;
      const shorter = expiresAt !== undefined && before !== undefined && expiresAt < before;
      if (facts.class.locked && before !== undefined && before > now && (shorter || !rules.locked)) {
        throw new StoreError("HELD", `class ${facts.class.name} is locked: its time cannot be made shorter`);
      }
      await setExpiry(tx, home, digest, { class: name, expiresAt });
      tell({ type: "manifest.classified", repository, digest, class: name });
    });
  }

  /**
   * Lets a manifest live until a later time. Answers its expiry from now on. The same once more changes nothing.
   * @throws StoreError RETENTION_INVALID beyond the class's limit, MANIFEST_UNKNOWN
   */
  async extend(
    repository: RepositoryName,
    digest: Digest,
    extension: { readonly until: number; readonly holder: string; readonly why: string },
  ): Promise<number> {
    const holder = text(extension.holder, "holder");
    const why = text(extension.why, "why");
    return await this.#change(repository, digest, async (tx, tell, home) => {
      const facts = await this.#facts(tx, home, repository, digest);
      const until = extendedUntil(facts, extension.until);
      const known = await extensionsOf(tx, home, digest);
      const isSame = (one: Extension): boolean => one.holder === holder && one.why === why && one.until === until;
      if (facts.expiresAt === until && known.some(isSame)) return until;
      await setExpiry(tx, home, digest, { expiresAt: until });
      await recordExtension(tx, home, digest, { holder, why, until, at: this.#now() });
      tell({ type: "manifest.extended", repository, digest, until, holder, why });
      return until;
    });
  }

  /**
   * Forbids deletion, by anybody, until it is released. One of the same name is replaced.
   * @param check is shown the hold that this one replaces, in the transaction that does it; when it throws, that one stays
   * @throws StoreError MANIFEST_UNKNOWN
   */
  async hold(
    repository: RepositoryName,
    digest: Digest,
    hold: NamedReason,
    check?: (present: NamedReason) => void,
  ): Promise<void> {
    await this.#place(repository, digest, hold, false, check);
  }

  /**
   * A machine's hold: "revision 7 of app X runs this".
   * @param check is shown the pin that this one replaces, in the transaction that does it; when it throws, that one stays
   * @throws StoreError MANIFEST_UNKNOWN
   */
  async pin(
    repository: RepositoryName,
    digest: Digest,
    pin: NamedReason,
    check?: (present: NamedReason) => void,
  ): Promise<void> {
    await this.#place(repository, digest, pin, true, check);
  }

  /** Ends a hold. Says whether there was one. @throws StoreError MANIFEST_UNKNOWN */
  async release(repository: RepositoryName, digest: Digest, name: string): Promise<boolean> {
    return await this.#release(repository, digest, name, false);
  }

  /**
   * Ends a pin. Says whether there was one.
   * @param check is shown the pin in the transaction that ends it; when it throws, it stays
   * @throws StoreError MANIFEST_UNKNOWN
   */
  async unpin(
    repository: RepositoryName,
    digest: Digest,
    name: string,
    check?: (present: NamedReason) => void,
  ): Promise<boolean> {
    return await this.#release(repository, digest, name, true, check);
  }

  /** @throws StoreError MANIFEST_UNKNOWN */
  async show(repository: RepositoryName, digest: Digest): Promise<ManifestRetention> {
    const home = (await repositoryId(this.#catalog, repository)) ?? 0;
    const facts = await this.#facts(this.#catalog, home, repository, digest);
    return {
      class: facts.class.name,
      expiresAt: facts.expiresAt,
      extensions: await extensionsOf(this.#catalog, home, digest),
      holds: await holdsOf(this.#catalog, home, digest),
    };
  }

  /** Why a manifest is kept, or since when it may go, at `at` if nothing changes until then. @throws StoreError MANIFEST_UNKNOWN */
  async eligibility(repository: RepositoryName, digest: Digest, at: number = this.#now()): Promise<Eligibility> {
    const home = (await repositoryId(this.#catalog, repository)) ?? 0;
    return eligibilityOf(await this.#facts(this.#catalog, home, repository, digest), at);
  }

  /** What is left of a manifest that was deleted; also when it was pushed again since. */
  async tombstone(repository: RepositoryName, digest: Digest): Promise<Tombstone | undefined> {
    return await findTombstone(this.#catalog, (await repositoryId(this.#catalog, repository)) ?? 0, digest);
  }

  /** What is left of deleted manifests, by digest, up to `limit` after `after`. */
  async tombstones(
    repository: RepositoryName,
    page: { readonly limit: number; readonly after?: string },
  ): Promise<readonly (Tombstone & { readonly digest: Digest })[]> {
    const home = (await repositoryId(this.#catalog, repository)) ?? 0;
    return await pageTombstones(this.#catalog, home, { after: page.after ?? "", limit: page.limit });
  }

  /**
   * What rules would do to the tags of a repository; of several, each keeps what it keeps.
   * @throws StoreError RETENTION_INVALID
   */
  async judgeTags(repository: RepositoryName, rules: TagRules | readonly TagRules[]): Promise<readonly TagVerdict[]> {
    const home = (await repositoryId(this.#catalog, repository)) ?? 0;
    return judgeTagsByAll(await tagFacts(this.#catalog, home), [rules].flat(), this.#now());
  }

  /** Removes the tags that no rule keeps, judged and removed in one commit. Their manifests go as their class says. */
  async applyTagRules(
    repository: RepositoryName,
    rules: TagRules | readonly TagRules[],
  ): Promise<readonly TagVerdict[]> {
    return await this.#commits.commit(async (tx, tell) => {
      const home = (await repositoryId(tx, repository)) ?? 0;
      const now = this.#now();
      const facts = await tagFacts(tx, home);
      const verdicts = judgeTagsByAll(facts, [rules].flat(), now);
      const digests = new Map(facts.map((fact) => [fact.name, fact.digest]));
      for (const { name, kept, sentence } of verdicts) {
        const tag = parseTag(name);
        // Only where it still points to what was judged.
        const digest = kept ? undefined : await deleteTag(tx, home, tag, digests.get(name));
        if (digest === undefined) continue;
        await untagManifest(tx, home, digest, now);
        await reviewManifest(tx, home, digest, now);
        tell({ type: "tag.removed", repository, tag, digest, reason: sentence });
      }
      return verdicts;
    });
  }

  async #place(
    repository: RepositoryName,
    digest: Digest,
    reason: NamedReason,
    pin: boolean,
    check?: (present: NamedReason) => void,
  ): Promise<void> {
    const hold = {
      name: text(reason.name, "name"),
      holder: text(reason.holder, "holder"),
      why: text(reason.why, "why"),
    };
    await this.#change(repository, digest, async (tx, tell, home) => {
      await showPresent(tx, home, digest, { pin, name: hold.name }, check);
      await placeHold(tx, home, digest, { ...hold, pin }, this.#now());
      tell({ type: pin ? "manifest.pinned" : "manifest.held", repository, digest, ...hold });
    });
  }

  async #release(
    repository: RepositoryName,
    digest: Digest,
    name: string,
    pin: boolean,
    check?: (present: NamedReason) => void,
  ): Promise<boolean> {
    // Nothing is called like that, and no database is to be asked for it.
    if (/\p{Cc}/u.test(name) || !name.isWellFormed()) return false;
    return await this.#change(repository, digest, async (tx, tell, home) => {
      await showPresent(tx, home, digest, { pin, name }, check);
      const was = await releaseHold(tx, home, digest, { pin, name });
      if (was) tell({ type: pin ? "manifest.unpinned" : "manifest.released", repository, digest, name });
      return was;
    });
  }

  /** Changes what keeps a manifest, and has it looked at again. */
  async #change<T>(
    repository: RepositoryName,
    digest: Digest,
    change: (tx: Transaction<StoreTables>, tell: (event: StoreEvent) => void, home: number) => Promise<T>,
  ): Promise<T> {
    return await this.#commits.commit(async (tx, tell) => {
      const home = (await repositoryId(tx, repository)) ?? 0;
      if (!(await hasManifest(tx, home, digest))) throw unknown(repository, digest);
      const result = await change(tx, tell, home);
      await reviewManifest(tx, home, digest, this.#now());
      return result;
    });
  }

  async #facts(catalog: Catalog, home: number, repository: RepositoryName, digest: Digest): FactsOf {
    const facts = await manifestFacts(catalog, home, digest, this.#leaseMs);
    if (facts === undefined) throw unknown(repository, digest);
    return facts;
  }
}

type FactsOf = Promise<NonNullable<Awaited<ReturnType<typeof manifestFacts>>>>;

/** Shows `check` the hold or pin of this name, if there is one. */
async function showPresent(
  tx: Catalog,
  home: number,
  digest: Digest,
  named: { readonly pin: boolean; readonly name: string },
  check: ((present: NamedReason) => void) | undefined,
): Promise<void> {
  if (check === undefined) return;
  const present = (await holdsOf(tx, home, digest)).find(({ pin, name }) => pin === named.pin && name === named.name);
  if (present !== undefined) check(present);
}

async function existingClass(catalog: Catalog, name: string): Promise<RetentionClass> {
  const rules = await findClass(catalog, name);
  if (rules === undefined) throw new StoreError("RETENTION_INVALID", `there is no class ${JSON.stringify(name)}`);
  return rules;
}

function unknown(repository: RepositoryName, digest: Digest): StoreError {
  return new StoreError("MANIFEST_UNKNOWN", `${repository} has no manifest ${digest}`);
}

function text(value: string, field: string): string {
  if (value.trim() !== "" && value.length <= longestText && !/\p{Cc}/u.test(value)) return value;
  throw new StoreError(
    "RETENTION_INVALID",
    `${field} is 1 to ${longestText} characters, none of them a control character`,
  );
}
