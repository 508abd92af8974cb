import { createHash, randomBytes } from "node:crypto";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import * as fc from "fast-check";
import { afterAll, describe, expect, it } from "vitest";
import { digestOf } from "../../digest/index.ts";
import { openDoor } from "../../testing/index.ts";
import { reprDigest } from "./headers.ts";

/**
 * Requests to both resumable faces that nobody would send, made of parts that somebody might. What must hold: no answer of
 * ours is a 5xx, every answer is one whole answer, the server lives, and no upload stays open that its sender was not told
 * of, be it in a 201 or in a 104.
 */

const door = await openDoor();
const { call, raw, requestLines, store } = door;
afterAll(() => door.close());

const tusType = "application/offset+octet-stream";
const draftType = "application/partial-upload";
const creation = "/api/v1/repositories/acme/app/uploads";
const content = randomBytes(64);
const base64 = (text: string): string => Buffer.from(text).toString("base64");
const checksum = createHash("sha1").update(content).digest("base64");
const locations = new Set<string>();

/** Uploads that run; the bytes of each are a file. */
async function openUploads(): Promise<string[]> {
  return await readdir(join(door.folder, "uploads"));
}

async function begin(headers: Readonly<Record<string, string>>): Promise<string> {
  const response = await call("POST", creation, { headers });
  expect(response.status).toBe(201);
  const location = response.headers.get("location") ?? "";
  locations.add(location);
  return location;
}

const tus = { "tus-resumable": "1.0.0" };
const beginnings = [
  () => begin({ ...tus, "upload-length": "64" }),
  () => begin({ ...tus, "upload-defer-length": "1" }),
  () => begin({ ...tus, "upload-length": "64", "upload-concat": "partial" }),
  () => begin({ "upload-complete": "?0" }),
  () => begin({ "upload-complete": "?0", "upload-length": "64" }),
];

const junk = fc.string({ unit: fc.constantFrom(...Array.from("abcAZ09._-/%:;,=&+~*'()<>[]|^`@! ?")), maxLength: 30 });
const number = fc.oneof(
  { weight: 5, arbitrary: fc.constantFrom("0", "1", "32", "63", "64", "65") },
  {
    weight: 2,
    arbitrary: fc.constantFrom("-1", "+1", "1e3", "0x10", "9007199254740993", "999999999999999", "1;x=1", ""),
  },
);
const method = fc.oneof(
  { weight: 12, arbitrary: fc.constantFrom("POST", "PATCH", "HEAD", "GET", "DELETE") },
  { weight: 1, arbitrary: fc.constantFrom("OPTIONS", "PUT", "TRACE") },
);
const name = fc.constantFrom(
  "acme/app",
  "acme/new",
  "ACME/app",
  "acme//app",
  "acme/../app",
  "%2e%2e/x",
  "acme/uploads",
);
const path = fc.oneof(
  { weight: 5, arbitrary: fc.constantFrom("LOCATION", "OTHER DOOR") },
  { weight: 4, arbitrary: fc.constant(creation) },
  { weight: 1, arbitrary: name.map((one) => `/api/v1/repositories/${one}/uploads`) },
  {
    weight: 1,
    arbitrary: fc
      .tuple(name, fc.oneof(junk, fc.constantFrom("00000000-0000-4000-8000-000000000000", "..%2f..%2fcatalog.sqlite")))
      .map(([one, id]) => `/api/v1/repositories/${one}/uploads/${id}`),
  },
);
const digest = fc.constantFrom(digestOf(content), digestOf(content, "sha512"), digestOf(Buffer.from("none")));
const metadata = fc.oneof(
  digest.map((one) => `filename ${base64("a.txt")},digest ${base64(one)}`),
  fc.constantFrom("a", "a YQ==,a YQ==", "digest !!", `digest ${base64("md5:1")}`, `x ${"A".repeat(5000)}`, ","),
  junk,
);
const concat = fc.constantFrom("partial", "final;LOCATION", "final;LOCATION LOCATION", "final;", "final;/x/y", "whole");
/** Lengths and encodings beside the true one end most requests before anybody looks at them: rare. */
const header = fc.oneof(
  { weight: 6, arbitrary: fc.tuple(fc.constant("Tus-Resumable"), fc.constantFrom("1.0.0", "1.0.0", "0.2.2", "")) },
  { weight: 6, arbitrary: fc.tuple(fc.constant("Upload-Complete"), fc.constantFrom("?0", "?1", "?1;a=b", "1", "")) },
  { weight: 6, arbitrary: fc.tuple(fc.constantFrom("Upload-Offset", "Upload-Length"), number) },
  {
    weight: 6,
    arbitrary: fc.tuple(fc.constant("Content-Type"), fc.constantFrom(tusType, draftType, "text/plain", "/")),
  },
  { weight: 2, arbitrary: fc.tuple(fc.constant("Upload-Defer-Length"), fc.constantFrom("1", "0", "x")) },
  { weight: 2, arbitrary: fc.tuple(fc.constant("Upload-Metadata"), metadata) },
  { weight: 2, arbitrary: fc.tuple(fc.constant("Upload-Concat"), concat) },
  {
    weight: 2,
    arbitrary: fc.tuple(
      fc.constant("Upload-Checksum"),
      fc.constantFrom(`sha1 ${checksum}`, `sha1 ${base64("no")}`, `crc32 ${checksum}`, "sha1", `md5 ${checksum}`),
    ),
  },
  { weight: 2, arbitrary: fc.tuple(fc.constant("Repr-Digest"), fc.oneof(digest.map(reprDigest), junk)) },
  { weight: 2, arbitrary: fc.tuple(fc.constant("Upload-Draft-Interop-Version"), fc.constantFrom("8", "6", "?1")) },
  { weight: 1, arbitrary: fc.tuple(fc.constant("X-HTTP-Method-Override"), fc.constantFrom("PATCH", "DELETE")) },
  { weight: 1, arbitrary: fc.tuple(fc.constant("Content-Range"), fc.constantFrom("0-63", "bytes 0-63/64", "x")) },
  { weight: 1, arbitrary: fc.tuple(fc.constant("Content-Length"), number) },
  { weight: 1, arbitrary: fc.tuple(fc.constant("Transfer-Encoding"), fc.constantFrom("chunked", "gzip")) },
);
/** Requests as they should be; what is drawn beside them takes the place of their own headers. */
const valid = fc.constantFrom<readonly [method: string, path: string, headers: Readonly<Record<string, string>>]>(
  ["POST", creation, { "Tus-Resumable": "1.0.0", "Upload-Length": "64", "Content-Type": tusType }],
  ["POST", creation, { "Upload-Complete": "?0", "Upload-Draft-Interop-Version": "8" }],
  ["POST", creation, { "Upload-Complete": "?1" }],
  ["POST", creation, {}],
  ["PATCH", "LOCATION", { "Tus-Resumable": "1.0.0", "Upload-Offset": "0", "Content-Type": tusType }],
  ["PATCH", "LOCATION", { "Upload-Complete": "?0", "Upload-Offset": "0", "Content-Type": draftType }],
  ["PATCH", "LOCATION", { "Upload-Complete": "?1", "Upload-Offset": "0", "Content-Type": draftType }],
  ["HEAD", "LOCATION", { "Tus-Resumable": "1.0.0" }],
  ["GET", "LOCATION", {}],
  ["DELETE", "LOCATION", {}],
);
const request = fc.record({
  valid,
  method: fc.option(method, { nil: undefined, freq: 2 }),
  path: fc.option(path, { nil: undefined, freq: 2 }),
  headers: fc.array(header, { maxLength: 3 }),
  body: fc.constantFrom(0, 1, 32, 63, 64, 65, 80),
  /** Whether the length of the body is told. */
  honest: fc.oneof({ weight: 4, arbitrary: fc.constant(true) }, { weight: 1, arbitrary: fc.constant(false) }),
});

function bytesOf(shape: typeof request extends fc.Arbitrary<infer T> ? T : never, location: string): Buffer {
  const [validMethod, validPath, validHeaders] = shape.valid;
  const path = shape.path ?? validPath;
  const other = `/v2/acme/app/blobs/uploads/${location.split("/").at(-1)}`;
  const target = path === "LOCATION" ? location : path === "OTHER DOOR" ? other : path;
  const lines = requestLines(shape.method ?? validMethod, target.replaceAll(/\s/g, "%20"));
  const drawn = new Set<string>(shape.headers.map(([key]) => key));
  const headers = [...Object.entries(validHeaders).filter(([key]) => !drawn.has(key)), ...shape.headers];
  const own = headers.map(([key, value]) => `${key}: ${value.replaceAll("LOCATION", location)}\r\n`).join("");
  const length = shape.honest ? `Content-Length: ${shape.body}\r\n` : "";
  const bytes = Buffer.concat([content, content]).subarray(0, shape.body);
  return Buffer.concat([Buffer.from(`${lines}${own}${length}\r\n`, "latin1"), bytes]);
}

function check(answer: string): void {
  expect(answer).not.toMatch(/^HTTP\/1\.1 5/m);
  // One whole answer, or none where the request never came to its end.
  expect(answer).toMatch(/^(?:HTTP\/1\.1 [1-4]\d\d |$)/);
  for (const [, told] of answer.matchAll(/^location: (\/(?:v2|api\/v1)\/[^\r\n]*\/uploads\/[^\r\n]+)/gim)) {
    locations.add(told ?? "");
  }
}

describe("requests to the resumable faces that nobody would send", () => {
  it("get a 4xx at worst, whatever method, path, headers and body come together", async () => {
    const seen = new Set<string>();
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...beginnings),
        fc.array(request, { minLength: 1, maxLength: 8 }),
        async (beginning, shapes) => {
          const location = await beginning();
          for (const answer of await Promise.all(shapes.map((shape) => raw(bytesOf(shape, location))))) {
            check(answer);
            seen.add(answer.slice(9, 12));
          }
        },
      ),
      { numRuns: 50 },
    );
    // Else it was all refused at the door, and nothing was tried.
    expect([...seen]).toEqual(expect.arrayContaining(["201", "204", "400"]));
    expect((await call("OPTIONS", creation)).status).toBe(204);
  });

  it("that are valid but for a few bytes, get a 4xx at worst, too", async () => {
    const lines = (head: string, ...headers: string[]): string =>
      [head.trimEnd(), ...headers, "Content-Length: 4", "", "abcd"].join("\r\n");
    const templates = (location: string): Buffer[] =>
      [
        lines(requestLines("POST", creation), "Tus-Resumable: 1.0.0", "Upload-Length: 4", `Content-Type: ${tusType}`),
        lines(requestLines("POST", creation), "Upload-Complete: ?0", "Upload-Draft-Interop-Version: 8"),
        lines(requestLines("PATCH", location), "Tus-Resumable: 1.0.0", "Upload-Offset: 0", `Content-Type: ${tusType}`),
        lines(requestLines("PATCH", location), "Upload-Complete: ?1", "Upload-Offset: 0", `Content-Type: ${draftType}`),
      ].map((text) => Buffer.from(text));
    const mutation = fc.record({
      template: fc.nat({ max: 3 }),
      changes: fc.array(fc.tuple(fc.nat(), fc.integer({ min: 0, max: 255 })), { maxLength: 3 }),
      cut: fc.option(fc.nat(), { nil: undefined, freq: 4 }),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(mutation, { minLength: 20, maxLength: 40 }), async (mutations) => {
        const all = templates(await begin({ ...tus, "upload-defer-length": "1" }));
        const answers = mutations.map(({ template, changes, cut }) => {
          const mutated = Buffer.from(all[template] ?? "");
          for (const [at, byte] of changes) mutated[at % mutated.length] = byte;
          return raw(cut === undefined ? mutated : mutated.subarray(0, 1 + (cut % mutated.length)), "end");
        });
        for (const answer of await Promise.all(answers)) check(answer);
      }),
      { numRuns: 4 },
    );
    expect((await call("OPTIONS", creation)).status).toBe(204);
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

  it.each([
    ["a wrong checksum", { ...tus, "upload-length": "64", "upload-checksum": `sha1 ${base64("x".repeat(20))}` }, 460],
    ["more bytes than its length", { ...tus, "upload-length": "9" }, 400],
    ["a wrong digest", { "upload-complete": "?1", "repr-digest": reprDigest(digestOf(Buffer.from("other"))) }, 400],
    ["a range that is none", { "upload-complete": "?0", "content-range": "x" }, 416],
    ["two lengths", { "upload-complete": "?1", "upload-length": "9" }, 400],
  ])("a creation that is refused for %s leaves nothing", async (_, headers, status) => {
    const type = "tus-resumable" in headers ? tusType : draftType;
    const response = await call("POST", creation, { headers: { ...headers, "content-type": type }, body: content });
    expect(response.status).toBe(status);
    expect(await openUploads()).toEqual([]);
  });
});
