import { parseRepositoryName, type RepositoryName } from "../names/index.ts";

/** Which repositories anybody may pull from. */
export type PublicRepositories = (name: RepositoryName) => boolean;

/**
 * @param patterns names of repositories (`acme/app`), or all under a path (`library/*`); an empty list: none
 * @throws StoreError NAME_INVALID for a pattern that no repository could ever match
 */
export function publicRepositories(patterns: readonly string[]): PublicRepositories {
  const names = new Set<string>();
  const paths: string[] = [];
  for (const pattern of patterns) {
    const under = pattern.endsWith("/*");
    const name = parseRepositoryName(under ? pattern.slice(0, -2) : pattern);
    if (under) paths.push(`${name}/`);
    else names.add(name);
  }
  return (name) => names.has(name) || paths.some((path) => name.startsWith(path));
}
