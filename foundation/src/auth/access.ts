import { roles as allRoles, type Principal, type Role } from "./principal.ts";

/** Who may enter a route. What they then see of it is the handler's matter (tenants). */
export type Access =
  | { readonly kind: "public" }
  /** The shared token of a system's agents. */
  | { readonly kind: "agent" }
  | { readonly kind: "roles"; readonly roles: readonly Role[] };

export const access = {
  /** Also strangers. */
  public: { kind: "public" },
  agent: { kind: "agent" },
  /** Any caller who proved who they are. */
  everyone: { kind: "roles", roles: allRoles },
  operators: { kind: "roles", roles: ["admin", "ops"] },
  roles: (...roles: readonly Role[]): Access => ({ kind: "roles", roles }),
} as const satisfies Record<string, Access | ((...roles: readonly Role[]) => Access)>;

/** Whether a caller with these roles may enter a route that is open to roles. */
export function permits(rule: Access, principal: Principal): boolean {
  return rule.kind === "public" || (rule.kind === "roles" && principal.roles.some((role) => rule.roles.includes(role)));
}
