/**
 * The names people give: repositories and tags. Both are checked once, where they come in; behind that a name is a
 * branded string, so a path or a query can never be built from an unchecked one.
 */
export { parseRepositoryName, repositoryNameLimit, tenantOfRepository, type RepositoryName } from "./repository.ts";
export { parseTag, type Tag } from "./tag.ts";
export { isUuid, stableId } from "./uuid.ts";
