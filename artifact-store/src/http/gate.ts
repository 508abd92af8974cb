import { mayReadTenant, mayWriteTenant, seesAllTenants, type Principal } from "@waybill/foundation/auth";
import type { HttpContext } from "@waybill/foundation/http";
import type { Visible } from "../catalog/index.ts";
import { StoreError } from "../errors/index.ts";
import { parseRepositoryName, tenantOfRepository, type RepositoryName } from "../names/index.ts";
import { challengeOf } from "./challenge.ts";
import { refusal } from "./errors.ts";
import type { PublicRepositories } from "./public-repositories.ts";
import { actions, allowsAction, catalogScope, namesAllowed, type Action, type Scope } from "./scope.ts";

/** Decides what a caller may do: its tenant, its roles, then the scopes of its token. */
export class Gate {
  readonly #isPublic: PublicRepositories;
  readonly #publicUrl: string | undefined;

  constructor(parts: { readonly isPublic: PublicRepositories; readonly publicUrl: string | undefined }) {
    this.#isPublic = parts.isPublic;
    this.#publicUrl = parts.publicUrl;
  }

  /**
   * The repository that a request is about, if its caller may do this there. One of another tenant does not exist for the
   * caller: it hears what it would hear of one that nobody ever made.
   */
  repository(c: HttpContext, action: Action): RepositoryName {
    return this.enter(c, parseRepositoryName(c.req.param("name") ?? ""), action);
  }

  /** The same for one that the path does not name. */
  enter(c: HttpContext, name: RepositoryName, action: Action): RepositoryName {
    const principal = c.get("principal");
    if (!this.#mayPull(principal, name)) {
      // Somebody who proved nothing may have more to show: asked for it alike whether the repository exists or not.
      if (principal.anonymous) throw this.#unauthorized(c, "log in to use this repository");
      throw new StoreError("NAME_UNKNOWN", `there is no repository ${name}`);
    }
    if (action !== "pull" && !mayWriteTenant(principal, tenantOfRepository(name))) {
      if (principal.anonymous) throw this.#unauthorized(c, `log in to change ${name}`);
      throw refusal(403, "DENIED", `this caller may read ${name}, not change it`);
    }
    if (!allowsAction(principal.scopes, name, action)) {
      throw this.#unauthorized(
        c,
        `this token is not for ${action} of ${name}: get one with the scope in the challenge`,
      );
    }
    return name;
  }

  /** Whether anybody may pull from it. */
  isPublic(name: RepositoryName): boolean {
    return this.#isPublic(name);
  }

  /** Repositories from which a caller may mount: the named one, or, where none is named, all that it sees. */
  mountable(c: HttpContext, from: string | undefined): RepositoryName | Visible | undefined {
    const principal = c.get("principal");
    if (from === undefined || from === "") {
      const { scopes } = principal;
      return { ...this.#tenant(principal), ...(scopes && { names: namesAllowed(scopes, "pull") }) };
    }
    try {
      const name = parseRepositoryName(from);
      return this.#mayPull(principal, name) && allowsAction(principal.scopes, name, "pull") ? name : undefined;
    } catch {
      return undefined;
    }
  }

  /** What of the list of all repositories a caller may see. */
  catalog(c: HttpContext): Visible {
    const principal = c.get("principal");
    if (!maySeeCatalog(principal)) throw this.#unauthorized(c, "log in to list repositories");
    if (principal.scopes?.includes(catalogScope) === false) {
      throw this.#unauthorized(c, "this token is not for the catalog: get one with the scope in the challenge");
    }
    return this.#tenant(principal);
  }

  /** For what concerns the whole store: a role that is above tenants is not enough when the token names one. */
  wholeStore(c: HttpContext): void {
    if (!seesAllTenants(c.get("principal")))
      throw refusal(403, "DENIED", "this is for callers that are above all tenants");
  }

  /** What of a scope a caller may be given; undefined: nothing. */
  grant(principal: Principal, asked: Scope): Scope | undefined {
    if (asked.kind === "catalog") return maySeeCatalog(principal) ? asked : undefined;
    const { name } = asked;
    const mayWrite = mayWriteTenant(principal, tenantOfRepository(name));
    const may = actions.filter((action) => (action === "pull" ? this.#mayPull(principal, name) : mayWrite));
    const granted = asked.actions.filter((action) => may.includes(action));
    return granted.length === 0 ? undefined : { ...asked, actions: granted };
  }

  #mayPull(principal: Principal, name: RepositoryName): boolean {
    return mayReadTenant(principal, tenantOfRepository(name)) || this.#isPublic(name);
  }

  #tenant(principal: Principal): Visible {
    // Nobody's tenant has an empty name: whoever has none, and is not above tenants, sees nothing.
    return seesAllTenants(principal) ? {} : { tenant: principal.tenant ?? "" };
  }

  #unauthorized(c: HttpContext, detail: string): Error {
    return refusal(401, "UNAUTHORIZED", detail, {
      "www-authenticate": challengeOf(c, this.#publicUrl, "insufficient_scope"),
    });
  }
}

function maySeeCatalog(principal: Principal): boolean {
  return seesAllTenants(principal) || principal.tenant !== undefined;
}
