import * as fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openDoor, type Who } from "../testing/index.ts";
import { operations, pathParameters } from "./openapi-document.ts";

/** Requests made of the OpenAPI document's own operations, with values that fit, nearly fit, and do not fit at all. */

const door = { current: undefined as Awaited<ReturnType<typeof openDoor>> | undefined };
const ids: string[] = [];
beforeAll(async () => {
  const opened = await openDoor();
  door.current = opened;
  for (const state of ["open", "sealed", "deleted"]) {
    const { id } = await opened.store.packages.open({
      repository: "acme/fuzz" as never,
      producer: "fuzz",
      kind: state,
    });
    await opened.store.packages.addFile(id, "a.txt", { chunks: new Blob(["a"]).stream() });
    if (state !== "open") await opened.store.packages.seal(id);
    if (state === "deleted") await opened.store.packages.delete(id, "over");
    ids.push(id);
  }
});
afterAll(() => door.current?.close());

const asked = operations.filter(({ tag }) => tag === "packages" || tag === "webhooks");
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

interface Shot {
  readonly operation: (typeof asked)[number];
  readonly method: string;
  readonly segments: readonly string[];
  readonly query: readonly (readonly [string, string])[];
  readonly body: unknown;
  readonly raw: boolean;
  readonly type: string;
  readonly who: Who;
}

const shot: fc.Arbitrary<Shot> = fc.constantFrom(...asked).chain((operation) =>
  fc.record({
    operation: fc.constant(operation),
    method: fc.oneof(
      { weight: 9, arbitrary: fc.constant(operation.method as string) },
      fc.constantFrom("HEAD", "OPTIONS", "PUT", "POST"),
    ),
    segments: fc.array(fc.oneof({ weight: 3, arbitrary: fc.nat(2).map((index) => `#${index}`) }, oddText), {
      minLength: 3,
      maxLength: 3,
    }),
    query: fc.array(fc.tuple(fc.constantFrom("x", ...Object.keys(operation.query?.shape ?? {})), oddText), {
      maxLength: 4,
    }),
    body: fc.oneof(
      fc.constant(operation.bodyExample),
      oddJson,
      fc
        .tuple(fc.constant(operation.bodyExample), oddJson)
        .map(([example, odd]) => Object.assign({}, example, odd) as unknown),
    ),
    raw: fc.boolean(),
    type: fc.constantFrom("application/json", "application/x-tar", "application/zip", "application/gzip", "x", ""),
    who: fc.constantFrom<Who>("admin", "acme", "acmeReader", "globex"),
  }),
);

function urlOf({ operation, segments, query }: Shot): string {
  let turn = 0;
  const path = pathParameters(operation.path).reduce((text, name) => {
    const segment = segments[turn++ % segments.length] ?? "";
    const value = segment.startsWith("#") && segment.length === 2 ? (ids[Number(segment[1])] ?? segment) : segment;
    return text.replace(`{${name}}`, encodeURIComponent(value.toWellFormed()));
  }, operation.path);
  const search = query.map(([name, value]) => `${name}=${encodeURIComponent(value.toWellFormed())}`).join("&");
  return `${path}?${search}`;
}

describe("/api/v1/packages and /api/v1/webhooks under fuzz", () => {
  it("never answers 500, and every error is a problem with a code", async () => {
    const seen = new Map<number, number>();
    await fc.assert(
      fc.asyncProperty(shot, async (one) => {
        const given = one.raw ? Buffer.from(JSON.stringify(one.body) ?? "") : (JSON.stringify(one.body) ?? "");
        const bodyless = ["GET", "HEAD"].includes(one.method);
        const response = await door.current!.call(one.method, urlOf(one), {
          as: one.who,
          headers: one.type === "" ? {} : { "content-type": one.type },
          ...(bodyless ? {} : { body: given }),
        });
        const text = await response.text();
        seen.set(response.status, (seen.get(response.status) ?? 0) + 1);
        const isProblem = response.headers.get("content-type") === "application/problem+json" && text !== "";
        const said: unknown = isProblem ? JSON.parse(text) : { status: response.status, code: "none" };
        expect([one.operation.id, urlOf(one), response.status, text.slice(0, 200)]).not.toContain(500);
        expect(said).toMatchObject({ status: response.status, code: expect.any(String) as string });
      }),
      { numRuns: 1500 },
    );
    expect([...seen.keys()].filter((status) => status < 300).length).toBeGreaterThan(0);
    expect([...seen.keys()].filter((status) => status >= 500)).toEqual([]);
  }, 120_000);
});
