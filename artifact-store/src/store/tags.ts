import {
  deleteTag,
  pageTags,
  repositoryId,
  reviewManifest,
  untagManifest,
  type Catalog,
  type Commits,
} from "../catalog/index.ts";
import { StoreError } from "../errors/index.ts";
import type { RepositoryName, Tag } from "../names/index.ts";

export interface TagPage {
  readonly tags: readonly string[];
  /** Whether there are more behind the last of these. */
  readonly more: boolean;
}

export class Tags {
  readonly #catalog: Catalog;
  readonly #commits: Commits;
  readonly #now: () => number;

  constructor(parts: { readonly catalog: Catalog; readonly commits: Commits; readonly now: () => number }) {
    this.#catalog = parts.catalog;
    this.#commits = parts.commits;
    this.#now = parts.now;
  }

  /** Up to `limit` tags in byte order, those after `after`. @throws StoreError NAME_UNKNOWN */
  async list(repository: RepositoryName, page: { readonly limit: number; readonly after?: string }): Promise<TagPage> {
    const home = await repositoryId(this.#catalog, repository);
    if (home === undefined) throw unknownRepository(repository);
    if (page.limit === 0) return { tags: [], more: false };
    const names = await pageTags(this.#catalog, home, { after: page.after ?? "", limit: page.limit + 1 });
    return { tags: names.slice(0, page.limit), more: names.length > page.limit };
  }

  /** Takes a tag, not its manifest. @throws StoreError NAME_UNKNOWN, MANIFEST_UNKNOWN */
  async remove(repository: RepositoryName, tag: Tag): Promise<void> {
    await this.#commits.commit(async (tx, tell) => {
      const home = await repositoryId(tx, repository);
      if (home === undefined) throw unknownRepository(repository);
      const digest = await deleteTag(tx, home, tag);
      if (digest === undefined) throw new StoreError("MANIFEST_UNKNOWN", `${repository} has no tag ${tag}`);
      await untagManifest(tx, home, digest, this.#now());
      await reviewManifest(tx, home, digest, this.#now());
      tell({ type: "tag.removed", repository, tag, digest });
    });
  }
}

function unknownRepository(repository: RepositoryName): StoreError {
  return new StoreError("NAME_UNKNOWN", `there is no repository ${repository}`);
}
