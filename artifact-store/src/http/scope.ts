import { parseRepositoryName, type RepositoryName } from "../names/index.ts";

/**
 * What a token of the registry may be limited to, in the words of the distribution project's "Token Scope Documentation":
 * `repository:acme/app:pull,push`, `registry:catalog:*`.
 */
export type Scope =
  | { readonly kind: "repository"; readonly name: RepositoryName; readonly actions: readonly Action[] }
  | { readonly kind: "catalog" };

export const actions = ["pull", "push", "delete"] as const;
export type Action = (typeof actions)[number];

export const catalogScope = "registry:catalog:*";

/** Undefined for what is no scope, or none that means anything here. Actions that nobody knows are left out. */
export function parseScope(text: string): Scope | undefined {
  if (text === catalogScope) return { kind: "catalog" };
  const match = /^repository(?:\([a-z0-9]+\))?:([^:\s]{1,255}):([a-z,*]{0,100})$/.exec(text);
  if (match === null) return undefined;
  const asked = (match[2] ?? "").split(",");
  try {
    return {
      kind: "repository",
      name: parseRepositoryName(match[1] ?? ""),
      actions: actions.filter((action) => asked.includes(action) || asked.includes("*")),
    };
  } catch {
    return undefined;
  }
}

export function formatScope(scope: Scope): string {
  return scope.kind === "catalog" ? catalogScope : `repository:${scope.name}:${scope.actions.join(",")}`;
}

/** Whether a token with these scopes may do this; one without scopes is not limited. */
export function allowsAction(scopes: readonly string[] | undefined, name: RepositoryName, action: Action): boolean {
  return scopes === undefined || namesAllowed(scopes, action).includes(name);
}

/** The repositories in which a token with these scopes may do this. */
export function namesAllowed(scopes: readonly string[], action: Action): RepositoryName[] {
  return scopes
    .map(parseScope)
    .filter((scope) => scope?.kind === "repository")
    .filter((scope) => scope.actions.includes(action))
    .map((scope) => scope.name);
}
