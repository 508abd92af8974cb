import { TrieRouter } from "hono/router/trie-router";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { PathRouter } from "./path-router.ts";

const routes = [
  ["GET", "/v2"],
  ["GET", "/v2/"],
  ["GET", "/v2/_catalog"],
  ["GET", "/v2/:name{.+}/manifests/:reference"],
  ["POST", "/v2/:name{.+}/blobs/uploads/"],
  ["GET", "/v2/:name{.+}/blobs/uploads/:id"],
  ["GET", "/v2/:name{.+}/blobs/:digest"],
  ["GET", "/v2/:name{.+}/tags/list"],
  ["GET", "/api/v1/things"],
  ["GET", "/api/v1/things/:thing"],
  ["GET", "/api/v1/things/:thing/parts/:part"],
  ["GET", "/api/v1/things/latest"],
  ["DELETE", "/api/v1/things/:thing"],
  ["GET", "/openapi.json"],
  ["GET", "/:page"],
] as const;

const ours = new PathRouter<string>();
const honos = new TrieRouter<string>();
for (const [method, path] of routes) {
  ours.add(method, path, `${method} ${path}`);
  honos.add(method, path, `${method} ${path}`);
}

/** What answers a path, and with which parameters. */
function found(router: PathRouter<string> | TrieRouter<string>, method: string, path: string): unknown {
  const [first] = router.match(method, path)[0];
  return first && [first[0], { ...first[1] }];
}

describe("paths", () => {
  it.each([
    ["/v2/", "GET /v2/", {}],
    ["/v2/a/manifests/latest", "GET /v2/:name{.+}/manifests/:reference", { name: "a", reference: "latest" }],
    [
      "/v2/a/b/manifests/c/manifests/d",
      "GET /v2/:name{.+}/manifests/:reference",
      { name: "a/b/manifests/c", reference: "d" },
    ],
    ["/v2/a/blobs/uploads/1", "GET /v2/:name{.+}/blobs/uploads/:id", { name: "a", id: "1" }],
    ["/v2/a/blobs/sha256:1", "GET /v2/:name{.+}/blobs/:digest", { name: "a", digest: "sha256:1" }],
    ["/api/v1/things/latest", "GET /api/v1/things/:thing", { thing: "latest" }],
    ["/about", "GET /:page", { page: "about" }],
  ])("%s", (path, route, parameters) => {
    expect(found(ours, "GET", path)).toEqual([route, parameters]);
  });

  it.each(["", "/", "/v2/manifests/latest", "/v2//manifests/latest", "/v2/a/manifests/", "/openapiXjson/", "/a/b"])(
    "nothing is at %j",
    (path) => {
      expect(found(ours, "GET", path)).toBeUndefined();
    },
  );

  it("are found as hono's own router finds them", () => {
    const segment = fc.constantFrom(
      "v2",
      "a",
      "blobs",
      "uploads",
      "manifests",
      "tags",
      "list",
      "api",
      "v1",
      "things",
      "parts",
      "latest",
      "openapi.json",
      "",
    );
    const method = fc.constantFrom("GET", "POST", "DELETE", "PUT");
    fc.assert(
      fc.property(method, fc.array(segment, { maxLength: 8 }), (how, segments) => {
        const path = `/${segments.join("/")}`;
        const expected = found(honos, how, path);
        // Its `.+` stops at the last place where the next segment begins alike, and gives up when the rest does not fit.
        fc.pre(expected !== undefined || !path.startsWith("/v2/"));
        expect(found(ours, how, path)).toEqual(expected);
      }),
      { numRuns: 3000 },
    );
  });
});
