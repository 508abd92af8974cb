import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parseRepositoryName } from "../names/index.ts";
import { publicRepositories } from "./public-repositories.ts";
import { allowsAction, formatScope, parseScope } from "./scope.ts";

const app = parseRepositoryName("acme/app");

describe("scopes (Token Scope Documentation)", () => {
  it.each([
    ["repository:acme/app:pull", "repository:acme/app:pull"],
    ["repository:acme/app:push,pull", "repository:acme/app:pull,push"],
    ["repository:acme/app:*", "repository:acme/app:pull,push,delete"],
    ["repository(plugin):acme/app:pull", "repository:acme/app:pull"],
    ["repository:acme/app:pull,fly", "repository:acme/app:pull"],
    ["registry:catalog:*", "registry:catalog:*"],
  ])("reads %s", (text, formatted) => {
    const scope = parseScope(text);
    expect(scope && formatScope(scope)).toBe(formatted);
  });

  it.each([
    "",
    "repository",
    "repository:acme/app",
    "repository:ACME/app:pull",
    "repository:../etc:pull",
    "repository:acme/app:pull\n",
    "repository:host:5000/acme/app:pull",
    "registry:catalog:pull",
    "user:ann:login",
  ])("%j is none", (text) => {
    expect(parseScope(text)).toBeUndefined();
  });

  it("whatever is read can be read again as the same", () => {
    fc.assert(
      fc.property(fc.stringMatching(/^repository:[a-z/]{1,12}:[a-z,*]{0,16}$/), (text) => {
        const scope = parseScope(text);
        expect(scope && parseScope(formatScope(scope))).toEqual(scope);
      }),
    );
  });

  it("a token without scopes is not limited, one with scopes to exactly those", () => {
    expect(allowsAction(undefined, app, "delete")).toBe(true);
    expect(allowsAction(["repository:acme/app:pull"], app, "pull")).toBe(true);
    expect(allowsAction(["repository:acme/app:pull"], app, "push")).toBe(false);
    expect(allowsAction(["repository:acme/app2:pull", "repository:acme:pull"], app, "pull")).toBe(false);
    expect(allowsAction([], app, "pull")).toBe(false);
  });
});

describe("public repositories", () => {
  it("are those that are named, and those under a named path, and no other", () => {
    const isPublic = publicRepositories(["library/*", "acme/open"]);
    const among = (name: string): boolean => isPublic(parseRepositoryName(name));
    expect(["library/a", "library/a/b", "acme/open"].filter(among)).toHaveLength(3);
    expect(["library", "library2/a", "acme/open/more", "acme/app"].filter(among)).toEqual([]);
  });

  it.each(["*", "/*", "Acme/*", "acme/**", "acme/*/x"])("refuses %s, which could match nothing", (pattern) => {
    expect(() => publicRepositories([pattern])).toThrow("repository");
  });
});
