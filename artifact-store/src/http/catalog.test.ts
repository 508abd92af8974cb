import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { errorOf, openDoor, type Who } from "../testing/index.ts";

const door = await openDoor();
const { call, push, imageOf } = door;
afterAll(() => door.close());

async function catalog(as: Who, query = ""): Promise<{ names: string[]; link: string | null }> {
  const response = await call("GET", `/v2/_catalog${query}`, { as });
  expect(response.status).toBe(200);
  const { repositories } = (await response.json()) as { repositories: string[] };
  return { names: repositories, link: response.headers.get("link") };
}

const acme = ["acme", "acme/a", "acme/a-b", "acme/a/b", "acme/b", "acme/z"];

describe("catalog", () => {
  beforeAll(async () => {
    for (const name of [...acme.toReversed(), "acme-2/x", "acme0/x", "globex/app"]) {
      const { content } = await imageOf(name);
      await call("PUT", `/v2/${name}/manifests/v1`, { body: content });
    }
    await push("acme/only-a-blob", Buffer.from("x"));
  });

  it("lists the repositories that have a manifest, in byte order", async () => {
    const { names } = await catalog("admin");
    expect(names).toEqual(["acme", "acme-2/x", ...acme.slice(1), "acme0/x", "globex/app"]);
  });

  it("shows a tenant its own only", async () => {
    for (const who of ["acme", "acmeReader"] as const) expect((await catalog(who)).names).toEqual(acme);
    expect((await catalog("globex")).names).toEqual(["globex/app"]);
    expect((await catalog("globex", "?last=acme/a")).names).toEqual(["globex/app"]);
  });

  it("goes by pages, each with the way to the next", async () => {
    const seen: string[] = [];
    let query: string | undefined = "?n=2";
    const pages: number[] = [];
    while (query !== undefined) {
      const { names, link } = await catalog("acme", query);
      seen.push(...names);
      pages.push(names.length);
      query = /^<\/v2\/_catalog(\?[^>]*)>; rel="next"$/.exec(link ?? "")?.[1];
    }
    expect(seen).toEqual(acme);
    expect(pages).toEqual([2, 2, 2]);
    expect((await catalog("acme", "?n=0")).names).toEqual([]);
  });

  it("refuses a page size or a start that are none", async () => {
    expect(await errorOf(await call("GET", "/v2/_catalog?n=-1"))).toBe("400 UNSUPPORTED");
    expect(await errorOf(await call("GET", "/v2/_catalog?last=%2e%2e"))).toBe("400 NAME_INVALID");
  });

  it("no longer lists a repository whose last manifest is gone", async () => {
    const { digest } = await imageOf("globex/app");
    await call("DELETE", `/v2/globex/app/manifests/${digest}`);
    expect((await catalog("globex")).names).toEqual([]);
  });
});
