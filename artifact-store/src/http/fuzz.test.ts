import { randomBytes } from "node:crypto";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import * as fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { digestOf } from "../digest/index.ts";
import { openDoor } from "../testing/index.ts";

/**
 * Requests that nobody would send, made of parts that somebody might. What must hold: no answer of ours is a 5xx, every
 * answer is one whole answer, the server lives, and no upload stays open that its sender was not told of.
 */

const door = await openDoor({ anonymousPull: ["open/*"] });
const { call, push, raw, requestLines, store } = door;
afterAll(() => door.close());

const content = randomBytes(64);
const known = digestOf(content);
const locations = new Set<string>();

beforeAll(async () => {
  await push("acme/app", content);
  const image = await door.imageOf("acme/app");
  await call("PUT", "/v2/acme/app/manifests/v1", { body: image.content });
});

/** Uploads that run; the bytes of each are a file. */
async function openUploads(): Promise<string[]> {
  return await readdir(join(door.folder, "uploads"));
}

const junk = fc.string({ unit: fc.constantFrom(...Array.from("abcAZ09._-/%:;,=&+~*'()<>[]|^`@!")), maxLength: 30 });
const number = fc.constantFrom(
  "0",
  "1",
  "63",
  "64",
  "-1",
  "+1",
  "1e9",
  "0x1",
  "9007199254740993",
  "99999999999999999999",
  "",
);
const method = fc.oneof(
  { weight: 12, arbitrary: fc.constantFrom("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE") },
  { weight: 1, arbitrary: fc.constantFrom("OPTIONS", "TRACE", "PROPFIND") },
);
const name = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom("acme/app", "acme/new", "open/x", "a") },
  {
    weight: 2,
    arbitrary: fc.constantFrom("acme//app", "acme/../app", "ACME/app", "acme/app/blobs/uploads", "%2e%2e/x"),
  },
  { weight: 1, arbitrary: junk },
);
const digest = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom<string>(known, digestOf(Buffer.from("none")), digestOf(content, "sha512")) },
  {
    weight: 2,
    arbitrary: fc.constantFrom(
      "sha256:",
      "sha256:abc",
      `SHA256:${"A".repeat(64)}`,
      "md5:00",
      `sha512:${"0".repeat(64)}`,
    ),
  },
  { weight: 1, arbitrary: junk },
);
const session = fc.oneof(
  { weight: 3, arbitrary: fc.constant("LOCATION") },
  {
    weight: 1,
    arbitrary: fc.constantFrom("", "x", "00000000-0000-4000-8000-000000000000", "..%2f..%2fcatalog.sqlite"),
  },
);
const reference = fc.oneof(fc.constantFrom("v1", "latest", "v1@x", ".", "-", "x".repeat(200)), digest);
const path = fc.oneof(
  fc.tuple(name, digest).map(([n, d]) => `/v2/${n}/blobs/${d}`),
  fc.tuple(name, session).map(([n, s]) => (s === "LOCATION" ? s : `/v2/${n}/blobs/uploads/${s}`)),
  fc.tuple(name, reference).map(([n, r]) => `/v2/${n}/manifests/${r}`),
  fc.tuple(name, digest).map(([n, d]) => `/v2/${n}/referrers/${d}`),
  name.map((n) => `/v2/${n}/tags/list`),
  fc.constantFrom("/v2/", "/v2", "/v2/_catalog", "/v2/token", "/v2/%", "/v2/%00", "//v2/", "*", "http://x/v2/"),
  junk.map((text) => `/v2/${text}`),
);
const query = fc.array(
  fc.oneof(
    fc.tuple(fc.constantFrom("digest", "mount", "last", "digest-algorithm"), digest),
    fc.tuple(fc.constantFrom("from", "last", "tag", "scope"), name),
    fc.tuple(fc.constant("n"), number),
    fc.tuple(
      fc.constant("scope"),
      fc.constantFrom("repository:acme/app:pull", "registry:catalog:*", "::", "repository:a:*"),
    ),
    fc.tuple(fc.constantFrom("artifactType", "service", "account", "__proto__"), junk),
  ),
  { maxLength: 4 },
);
const range = fc.tuple(number, number).map(([start, end]) => `${start}-${end}`);
const mediaType = fc.constantFrom("application/json", "application/vnd.oci.image.index.v1+json", "x/y; a=b", "/");
/** A second length or an encoding beside it ends most requests before anybody looks at them: rare, so that the others are not. */
const header = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.tuple(
      fc.constant("Range"),
      range.map((text) => `bytes=${text}`),
    ),
  },
  { weight: 4, arbitrary: fc.tuple(fc.constant("Content-Range"), range) },
  { weight: 4, arbitrary: fc.tuple(fc.constant("Content-Type"), fc.oneof(mediaType, junk)) },
  {
    weight: 2,
    arbitrary: fc.tuple(fc.constantFrom("If-None-Match", "If-Range", "Accept", "X-Request-Id", "Cookie"), junk),
  },
  { weight: 1, arbitrary: fc.tuple(fc.constant("Content-Length"), number) },
  {
    weight: 1,
    arbitrary: fc.tuple(fc.constant("Transfer-Encoding"), fc.constantFrom("chunked", "gzip", "chunked, chunked")),
  },
  { weight: 1, arbitrary: fc.tuple(fc.constant("Expect"), fc.constantFrom("100-continue", "more")) },
);
const body = fc.oneof(
  fc.constant(""),
  fc.uint8Array({ maxLength: 80 }).map((bytes) => Buffer.from(bytes).toString("latin1")),
  fc.json({ maxDepth: 3 }),
  fc.constantFrom(
    '{"schemaVersion":2,"config":',
    '{"schemaVersion":2,"manifests":[{"digest":1}]}',
    "[".repeat(5000),
    "0\r\n\r\n",
    "zz\r\n",
  ),
);
const request = fc.record({
  method,
  path,
  query,
  headers: fc.array(header, { maxLength: 3 }),
  body,
  /** Whether the length of the body is told. */
  honest: fc.oneof({ weight: 4, arbitrary: fc.constant(true) }, { weight: 1, arbitrary: fc.constant(false) }),
});

type Shape = typeof request extends fc.Arbitrary<infer T> ? T : never;

/** One request as bytes. Line breaks in its parts would make it several: that is the last test's matter. */
function bytesOf(shape: Shape, location: string): Buffer {
  const target = shape.path === "LOCATION" ? location : shape.path;
  const asked = shape.query.map(([key, value]) => `${key}=${value}`).join("&");
  const line = `${target}${asked === "" ? "" : `?${asked}`}`.replaceAll(/\s/g, "%20");
  const own = shape.headers.map(([key, value]) => `${key}: ${value}\r\n`).join("");
  const length = shape.honest ? `Content-Length: ${Buffer.byteLength(shape.body, "latin1")}\r\n` : "";
  return Buffer.from(`${requestLines(shape.method, line)}${own}${length}\r\n${shape.body}`, "latin1");
}

function check(answer: string): void {
  expect(answer).not.toMatch(/^HTTP\/1\.1 5/m);
  // One whole answer, or none where the request never came to its end.
  expect(answer).toMatch(/^(?:HTTP\/1\.1 [1-4]\d\d |$)/);
  for (const [, told] of answer.matchAll(/^location: (\/v2\/[^\r\n]*\/blobs\/uploads\/[^\r\n]+)/gim))
    locations.add(told ?? "");
}

describe("requests that nobody would send", () => {
  it("begin no upload whose address nobody hears, since what follows is answered in its place", async () => {
    const begin = `${requestLines("POST", "/v2/acme/fuzz/blobs/uploads/")}Content-Length: 0\r\n\r\n`;
    expect(await raw(`${begin}nonsense\r\n\r\n`)).toMatch(/^HTTP\/1\.1 400 /);
    await expect.poll(openUploads).toEqual([]);
  });

  it("get a 4xx at worst, whatever method, path, query, headers and body come together", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(request, { minLength: 1, maxLength: 8 }), async (shapes) => {
        const location = await door.begin("acme/fuzz");
        locations.add(location);
        for (const answer of await Promise.all(shapes.map((shape) => raw(bytesOf(shape, location))))) check(answer);
      }),
      { numRuns: 60 },
    );
    expect((await call("GET", "/v2/")).status).toBe(200);
  });

  it("that are valid but for a few bytes, get a 4xx at worst, too", async () => {
    const templates = (location: string): Buffer[] =>
      [
        `${requestLines("PATCH", location)}Content-Range: 0-3\r\nContent-Length: 4\r\n\r\nabcd`,
        `${requestLines("PATCH", location)}Transfer-Encoding: chunked\r\n\r\n4\r\nabcd\r\n0\r\n\r\n`,
        `${requestLines("PUT", `${location}?digest=${known}`)}Content-Length: 4\r\n\r\nabcd`,
        `${requestLines("GET", location)}\r\n`,
        `${requestLines("DELETE", location)}\r\n`,
        `${requestLines("POST", `/v2/acme/app/blobs/uploads/?mount=${known}&from=acme/new`)}Content-Length: 0\r\n\r\n`,
        `${requestLines("PUT", "/v2/acme/app/manifests/v1")}Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{}`,
        `${requestLines("POST", `/v2/acme/app/blobs/uploads/?digest=${known}`)}Content-Length: 4\r\n\r\nabcd`,
        `${requestLines("GET", `/v2/acme/app/blobs/${known}`)}Range: bytes=0-9\r\n\r\n`,
        `${requestLines("POST", "/v2/token")}Content-Length: 19\r\n\r\ngrant_type=password`,
      ].map((text) => Buffer.from(text));
    const mutation = fc.record({
      template: fc.nat({ max: 9 }),
      changes: fc.array(fc.tuple(fc.nat(), fc.integer({ min: 0, max: 255 })), { maxLength: 3 }),
      cut: fc.option(fc.nat(), { nil: undefined, freq: 4 }),
    });
    type Mutation = typeof mutation extends fc.Arbitrary<infer T> ? T : never;
    const bytes = (all: readonly Buffer[], { template, changes, cut }: Mutation): Buffer => {
      const mutated = Buffer.from(all[template] ?? "");
      for (const [at, byte] of changes) mutated[at % mutated.length] = byte;
      return cut === undefined ? mutated : mutated.subarray(0, 1 + (cut % mutated.length));
    };
    await fc.assert(
      fc.asyncProperty(fc.array(mutation, { minLength: 20, maxLength: 40 }), async (mutations) => {
        const location = await door.begin("acme/fuzz");
        locations.add(location);
        const all = templates(location);
        for (const answer of await Promise.all(mutations.map((one) => raw(bytes(all, one), "end")))) check(answer);
      }),
      { numRuns: 6 },
    );
    expect((await call("GET", "/v2/")).status).toBe(200);
  });

  it("leave no upload open but those whose senders were told of them", async () => {
    // Of what was cut off some may be at its end only now.
    const left = async (): Promise<string[]> => {
      for (const location of locations) await call("DELETE", location);
      await store.uploads.sweep();
      return await openUploads();
    };
    await expect.poll(left, { interval: 500 }).toEqual([]);
  });
});
