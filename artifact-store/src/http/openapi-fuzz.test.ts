import { readdir } from "node:fs/promises";
import { join } from "node:path";
import * as fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { digestOf } from "../digest/index.ts";
import { parseRepositoryName } from "../names/index.ts";
import { openDoor, type Who } from "../testing/index.ts";
import { openApiDocument, operations, pathParameters } from "./openapi-document.ts";
import type { Operation } from "./operation.ts";

/**
 * Requests made of the OpenAPI document's own operations (`/api/v1` with both resumable faces, and `/v2/`), with values
 * that fit, nearly fit, and do not fit at all. What must hold: no 5xx, every refusal has a code in the shape of its door, a
 * call that reached its operation is answered with a status that the document has, and no upload stays that nobody knows.
 */

const door = await openDoor();
const { call, store } = door;
afterAll(() => door.close());

const content = Buffer.from("content");
const known = digestOf(content);
const locations = new Set<string>();
/** What may stand in a path where the document has a name in braces. */
const values: Record<string, string[]> = {
  name: ["acme/fuzz", "acme/fuzz", "globex/fuzz", "acme/none"],
  digest: [known, digestOf(Buffer.from("none"))],
  reference: [],
  path: ["a.txt", "none/b.txt"],
  hold: ["case-7", "none"],
  pin: ["web-7", "none"],
  class: ["standard", "brief"],
  policy: ["nightly"],
  number: ["1", "99"],
  format: ["tar", "tar.gz", "zip", "rar"],
  package: [],
  webhook: [],
  upload: [],
  id: [],
};
const never = "00000000-0000-4000-8000-000000000000";

beforeAll(stock);

/** One of each thing that a path may name: what the requests before have ended is there again. */
async function stock(): Promise<void> {
  const repository = parseRepositoryName("acme/fuzz");
  values["package"] = [];
  for (const state of ["open", "open", "sealed", "sealed", "deleted"]) {
    const { id } = await store.packages.open({ repository, producer: "fuzz", kind: state });
    await store.packages.addFile(id, "a.txt", { chunks: new Blob(["a"]).stream() });
    if (state === "sealed" || state === "deleted") await store.packages.seal(id);
    if (state === "deleted") await store.packages.delete(id, "over");
    values["package"].push(id);
  }
  await door.push("acme/fuzz", content);
  const image = await door.imageOf("acme/fuzz");
  await call("PUT", "/v2/acme/fuzz/manifests/v1", { body: image.content });
  values["reference"] = ["v1", image.digest, "none"];
  for (const { id } of await store.webhooks.list()) await store.webhooks.remove(id);
  const { id } = await store.webhooks.subscribe({ url: "https://states.example/", createdBy: "fuzz" });
  values["webhook"] = [id, id, never];
  await begin();
}

/** An upload by each face: each is to be known at the other doors, too. */
async function begin(): Promise<void> {
  const path = "/api/v1/repositories/acme/fuzz/uploads";
  const made = await Promise.all([
    call("POST", path, { headers: { "tus-resumable": "1.0.0", "upload-length": "7" } }),
    call("POST", path, { headers: { "upload-complete": "?0" } }),
    call("POST", "/v2/acme/fuzz/blobs/uploads/"),
  ]);
  const ids = made.map((response) => {
    const location = response.headers.get("location") ?? "";
    locations.add(location);
    return location.split("/").at(-1) ?? "";
  });
  values["upload"] = [...ids, never];
  values["id"] = [...ids, never];
}

const oddText = fc.oneof(
  fc.string({ maxLength: 40 }),
  fc.string({ unit: "binary", maxLength: 40 }),
  fc.constantFrom(
    "",
    "..",
    "../../etc/passwd",
    "%00",
    "\u0000",
    "\ud800",
    "a".repeat(3000),
    "-1",
    "1e9",
    "null",
    "a=b",
  ),
);
const oddJson = fc.oneof(fc.jsonValue(), fc.constantFrom({ __proto__: 1 }, { url: "http://[" }, { labels: { a: 1 } }));
const oddHeader = fc.oneof(
  fc.string({ unit: fc.constantFrom(...Array.from('abc019.,;:=?*"/+- ')), maxLength: 30 }),
  fc.constantFrom("", "?0", "?1", "0", "7", "-1", "99999999999999999999", "application/x-tar", "bytes=0-1", "partial"),
);

interface Shot {
  readonly operation: Operation;
  readonly method: string;
  /** Which of the values that fit, or text that does not. */
  readonly segments: readonly (number | string)[];
  readonly query: readonly Named[];
  readonly headers: readonly Named[];
  readonly body: unknown;
  readonly who: Who;
}

/** Values of a field of a query that may be right. */
function fitting(name: string): string[] {
  if (["digest", "blob", "mount", "last"].includes(name)) return [known];
  if (name === "at") return ["2099-01-01T00:00:00Z"];
  // Base64url of a NUL, which no catalog takes.
  if (name === "cursor") return ["AA", "YQ"];
  if (["limit", "n", "before"].includes(name)) return ["1", "100"];
  if (["from", "repository"].includes(name)) return ["acme/fuzz"];
  return name === "path" ? ["a.txt", "new/b.txt"] : ["v1", "open", "a=b"];
}

const rarely = <T>(usual: fc.Arbitrary<T>, odd: fc.Arbitrary<T>): fc.Arbitrary<T> =>
  fc.oneof({ weight: 5, arbitrary: usual }, { weight: 1, arbitrary: odd });

function shotOf(operation: Operation): fc.Arbitrary<Shot> {
  const { query, uploads, bodyExample } = operation;
  const types = rarely(fc.constantFrom(...(uploads ?? ["application/json"])), fc.constant("x"));
  const asked = Object.keys(query?.shape ?? {}).map((name) => {
    const value = rarely(fc.constantFrom(...fitting(name)), oddText);
    return sometimes(name === "path" || name === "digest" ? 1 : 3, fc.tuple(fc.constant(name), value));
  });
  const fields = (operation.headers ?? []).map(({ name, example: fit, required }) =>
    sometimes(required === true ? 0.2 : 1, fc.tuple(fc.constant(name), rarely(fc.constant(fit), oddHeader))),
  );
  const example = fc.constant(bodyExample);
  const bytes = fc.constantFrom("", "content", "{}", "x".repeat(100), "grant_type=password&username=a&password=b");
  return fc.record({
    operation: fc.constant(operation),
    method: rarely(fc.constant(operation.method as string), fc.constantFrom("HEAD", "OPTIONS", "PUT", "POST", "PATCH")),
    segments: fc.array(fc.oneof({ weight: 8, arbitrary: fc.nat({ max: 11 }) }, { weight: 1, arbitrary: oddText }), {
      minLength: 3,
      maxLength: 3,
    }),
    query: fc.tuple(...asked, sometimes(5, fc.tuple(fc.constantFrom("x", "limit", "digest"), oddText))).map(those),
    headers: fc
      .tuple(
        types.map((type) => ["content-type", type] as const),
        ...fields,
      )
      .map(those),
    body: bodyExample === undefined ? bytes : rarely(example, fc.oneof(oddJson, fc.tuple(example, oddJson).map(mixed))),
    who: fc.constantFrom<Who>("admin", "admin", "acme", "acmeReader", "globex"),
  });
}

function mixed([example, odd]: [unknown, unknown]): unknown {
  return Object.assign({}, example, odd) as unknown;
}

type Named = readonly [name: string, value: string];

/** Left out so many times more often than not. */
function sometimes(times: number, one: fc.Arbitrary<Named>): fc.Arbitrary<Named | undefined> {
  return fc.oneof(
    { weight: Math.round(times * 10), arbitrary: fc.constant(undefined) },
    { weight: 10, arbitrary: one },
  );
}

function those(all: readonly (Named | undefined)[]): Named[] {
  return all.filter((one) => one !== undefined);
}

const shot = fc.constantFrom(...operations).chain(shotOf);

function urlOf({ operation, segments, query }: Pick<Shot, "operation" | "segments" | "query">): {
  readonly url: string;
  readonly fits: boolean;
} {
  let fits = true;
  const path = pathParameters(operation.path).reduce((text, name, turn) => {
    const segment = segments[turn % segments.length] ?? 0;
    const suited = values[name] ?? [];
    if (typeof segment === "string") fits = false;
    const value = typeof segment === "string" ? segment : (suited[segment % suited.length] ?? "");
    const elements = name === "name" || name === "path" ? value.split("/") : [value];
    return text.replace(`{${name}}`, elements.map((one) => encodeURIComponent(one.toWellFormed())).join("/"));
  }, operation.path);
  const search = query.map(([name, value]) => `${name}=${encodeURIComponent(value.toWellFormed())}`).join("&");
  return { url: search === "" ? path : `${path}?${search}`, fits };
}

const blank = { segments: [0], query: [] };
const document = openApiDocument();
const described = document["paths"] as Record<string, Record<string, { responses: Record<string, unknown> }>>;
const statusesOf = ({ path, method }: Operation): string[] =>
  Object.keys(described[path]?.[method.toLowerCase()]?.responses ?? {});

/** The code of a refusal, in the words of its door. */
function codeIn(url: string, response: Response, text: string): unknown {
  const type = response.headers.get("content-type");
  const body = JSON.parse(text) as { code?: unknown; status?: unknown; errors?: { code?: unknown }[] };
  // As it was sent: without what `..` took away.
  if (new URL(url, door.url).pathname.startsWith("/v2/"))
    return type === "application/json" ? body.errors?.[0]?.code : undefined;
  return type === "application/problem+json" && body.status === response.status ? body.code : undefined;
}

describe("every operation of the OpenAPI document under fuzz", () => {
  it("never answers 5xx, refuses with a code, and answers as the document says", async () => {
    const seen = new Map<string, number>();
    const undescribed = new Set<string>();
    let turn = 0;
    await fc.assert(
      fc.asyncProperty(shot, async (one) => {
        if (++turn % 50 === 0) await stock();
        const { url, fits } = urlOf(one);
        const bodyless = ["GET", "HEAD"].includes(one.method);
        const given = typeof one.body === "string" ? one.body : (JSON.stringify(one.body) ?? "");
        const response = await call(one.method, url, {
          as: one.who,
          headers: Object.fromEntries(one.headers),
          ...(bodyless ? {} : { body: given }),
        });
        const text = await response.text();
        const { status } = response;
        const told = response.headers.get("location") ?? "";
        if (/\/uploads\/[0-9a-f-]{36}$/.test(told)) locations.add(told);
        const at = [one.operation.id, one.method, url, status, text.slice(0, 300)];
        expect([status < 500, at]).toEqual([true, at]);
        const code = status < 400 || text === "" ? "none needed" : codeIn(url, response, text);
        expect([code, at]).toEqual([expect.any(String), at]);
        if (one.method !== one.operation.method || !fits) return;
        seen.set(one.operation.id, Math.min(status, seen.get(one.operation.id) ?? status));
        if (!statusesOf(one.operation).includes(String(status))) undescribed.add(`${one.operation.id} ${status}`);
        if (one.operation.id.toLowerCase().includes("upload")) await begin();
      }),
      { numRuns: 1000 },
    );
    expect([...undescribed]).toEqual([]);
    // Else it was all refused at the door, and little was tried.
    const succeeded = [...seen.values()].filter((status) => status < 400).length;
    expect(seen.size).toBe(operations.length);
    expect(succeeded).toBeGreaterThan(operations.length / 2);
    expect((await call("GET", "/v2/")).status).toBe(200);
  }, 240_000);

  it.each(["\u0000", "..", "\u{10ffff}", "a".repeat(3000), "%2f", "'", " "])(
    "takes %j for no name in any place of a path",
    async (odd) => {
      for (const operation of operations) {
        for (const name of pathParameters(operation.path)) {
          const template = operation.path.replace(`{${name}}`, encodeURIComponent(odd));
          const { url } = urlOf({ ...blank, operation: { ...operation, path: template } });
          const { bodyExample } = operation;
          const bodyless = operation.method === "GET";
          const response = await call(operation.method, url, {
            headers: { "content-type": operation.uploads?.[0] ?? "application/json", "tus-resumable": "1.0.0" },
            ...(bodyless || bodyExample === undefined ? {} : { body: JSON.stringify(bodyExample) }),
          });
          await response.body?.cancel();
          expect([operation.id, name, response.status < 500]).toEqual([operation.id, name, true]);
        }
      }
    },
    60_000,
  );

  it("leaves no upload open but those whose senders were told of them", async () => {
    // Of what was cut off some may be at its end only now.
    const left = async (): Promise<string[]> => {
      for (const location of locations) await call("DELETE", location);
      await store.uploads.sweep();
      return await readdir(join(door.folder, "uploads"));
    };
    await expect.poll(left, { interval: 500 }).toEqual([]);
  }, 60_000);
});
