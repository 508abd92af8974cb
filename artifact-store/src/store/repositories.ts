import { pageRepositories, type Catalog, type Visible } from "../catalog/index.ts";
import type { RepositoryName } from "../names/index.ts";

export interface RepositoryPage {
  readonly repositories: readonly RepositoryName[];
  /** Whether there are more behind the last of these. */
  readonly more: boolean;
}

export class Repositories {
  readonly #catalog: Catalog;

  constructor(parts: { readonly catalog: Catalog }) {
    this.#catalog = parts.catalog;
  }

  /** Up to `limit` repositories that have a manifest, in byte order, those after `after`. */
  async list(page: {
    readonly limit: number;
    readonly after?: string;
    readonly visible?: Visible;
  }): Promise<RepositoryPage> {
    if (page.limit === 0) return { repositories: [], more: false };
    const { after = "", visible = {}, limit } = page;
    const names = await pageRepositories(this.#catalog, { visible, after, limit: limit + 1 });
    return { repositories: names.slice(0, limit), more: names.length > limit };
  }
}
