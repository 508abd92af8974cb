import { StoreError } from "../errors/index.ts";

/** A checked repository name, `<tenant>/<name…>`. */
export type RepositoryName = string & { readonly __brand: "RepositoryName" };

/** OCI Distribution Spec 1.1, "Pulling manifests": many clients stop at 255 characters, host included. */
export const repositoryNameLimit = 255;

const component = "[a-z0-9]+(?:(?:\\.|_|__|-+)[a-z0-9]+)*";
const pattern = new RegExp(`^${component}(?:/${component})*$`);

/** @throws StoreError NAME_INVALID */
export function parseRepositoryName(text: string): RepositoryName {
  // The length comes first: what follows never looks at more than 255 characters.
  if (text.length > repositoryNameLimit || !pattern.test(text)) {
    const shown = JSON.stringify(text.slice(0, 80));
    throw new StoreError(
      "NAME_INVALID",
      `${shown} is no repository name: lower-case letters and digits, parted by one of . _ __ - within an element and by / between elements, at most ${repositoryNameLimit} characters`,
    );
  }
  return text as RepositoryName;
}

/** The first path element: whose repository it is. */
export function tenantOfRepository(name: RepositoryName): string {
  const slash = name.indexOf("/");
  return slash === -1 ? name : name.slice(0, slash);
}
