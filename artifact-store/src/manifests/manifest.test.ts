import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { digestOf } from "../digest/index.ts";
import { StoreError } from "../errors/index.ts";
import { manifestLimitBytes, mediaTypes, parseManifest, parseMediaType } from "./index.ts";

const digest = digestOf(Buffer.from("x"));
const config = { mediaType: "application/vnd.oci.image.config.v1+json", digest, size: 1 };
const layer = { mediaType: "application/vnd.oci.image.layer.v1.tar+gzip", digest, size: 1 };
const image = { schemaVersion: 2, mediaType: mediaTypes.ociImage, config, layers: [layer] };
const bytes = (value: unknown): Uint8Array => Buffer.from(typeof value === "string" ? value : JSON.stringify(value));
const invalid = expect.objectContaining({ code: "MANIFEST_INVALID" }) as Error;

describe("manifests", () => {
  it("reads images and indexes, OCI's and Docker's", () => {
    expect(parseManifest(bytes(image), undefined)).toMatchObject({
      blobs: [{ digest }, { digest }],
      manifests: [],
      artifactType: config.mediaType,
    });
    expect(
      parseManifest(bytes({ ...image, mediaType: mediaTypes.dockerImage }), mediaTypes.dockerImage).blobs,
    ).toHaveLength(2);
    for (const mediaType of [mediaTypes.ociIndex, mediaTypes.dockerList]) {
      const index = { schemaVersion: 2, mediaType, manifests: [{ ...layer, mediaType: mediaTypes.ociImage }] };
      expect(parseManifest(bytes(index), `${mediaType}; charset=utf-8`)).toMatchObject({
        mediaType,
        blobs: [],
        manifests: [{ digest }],
      });
    }
  });

  it("takes the type from what it is sent as, what it says, or how it looks", () => {
    const { mediaType: _, ...untyped } = image;
    expect(parseManifest(bytes(untyped), mediaTypes.dockerImage).mediaType).toBe(mediaTypes.dockerImage);
    expect(parseManifest(bytes(untyped), undefined).mediaType).toBe(mediaTypes.ociImage);
    expect(parseManifest(bytes({ schemaVersion: 2, manifests: [] }), undefined).mediaType).toBe(mediaTypes.ociIndex);
    expect(() => parseManifest(bytes({ schemaVersion: 2 }), undefined)).toThrow("send Content-Type");
    expect(() => parseManifest(bytes(image), mediaTypes.ociIndex)).toThrow("send the latter");
  });

  it("does not ask for layers that may lie elsewhere, nor for the subject", () => {
    const foreign = {
      ...layer,
      mediaType: "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip",
      urls: ["https://example.com/"],
    };
    const parsed = parseManifest(bytes({ ...image, layers: [foreign], subject: layer }), undefined);
    expect(parsed.blobs).toHaveLength(1);
    expect(parsed.subject?.digest).toBe(digest);
  });

  it("takes any other JSON document, and honours what it names", () => {
    const parsed = parseManifest(
      bytes({ layers: [layer, { odd: true }], config: 7, subject: layer, artifactType: "bad\u0000" }),
      "application/vnd.acme+json",
    );
    expect(parsed).toEqual({
      mediaType: "application/vnd.acme+json",
      blobs: [layer],
      manifests: [],
      subject: layer,
      artifactType: undefined,
    });
  });

  it.each([
    ["no JSON", "{"],
    ["no UTF-8", Buffer.from([0x7b, 0xff, 0x7d])],
    ["no object", "[]"],
    ["null", "null"],
    ["nested a million levels deep", "[".repeat(1_000_000)],
    ["schema version 1", { ...image, schemaVersion: 1 }],
    ["Docker schema 1", { schemaVersion: 1, mediaType: "application/vnd.docker.distribution.manifest.v1+prettyjws" }],
    ["no config", { ...image, config: undefined }],
    ["layers that are no list", { ...image, layers: {} }],
    ["a digest with a path in it", { ...image, layers: [{ ...layer, digest: "sha256:../../etc/passwd" }] }],
    ["a negative size", { ...image, layers: [{ ...layer, size: -1 }] }],
    ["a size beyond whole numbers", { ...image, layers: [{ ...layer, size: 1e300 }] }],
    ["a size as text", { ...image, layers: [{ ...layer, size: "1" }] }],
    ["an artifact type with NUL", { ...image, artifactType: "a/\u0000" }],
    ["a subject that is none", { ...image, subject: 5 }],
    ["an index without manifests", { schemaVersion: 2, mediaType: mediaTypes.ociIndex }],
  ])("refuses %s as MANIFEST_INVALID", (_, value) => {
    expect(() => parseManifest(value instanceof Uint8Array ? value : bytes(value), undefined)).toThrow(invalid);
  });

  it("refuses more than 4 MiB before it reads them", () => {
    expect(() => parseManifest(new Uint8Array(manifestLimitBytes + 1), undefined)).toThrow(
      expect.objectContaining({ code: "TOO_LARGE" }),
    );
  });

  it("whatever comes, it is read or refused, and never anything else", () => {
    const outcome = (value: unknown, type: string | undefined): string => {
      try {
        return typeof parseManifest(bytes(value), type).mediaType;
      } catch (error) {
        return error instanceof StoreError ? "refused" : String(error);
      }
    };
    const type = fc.option(fc.oneof(fc.constantFrom(...Object.values(mediaTypes)), fc.string()), { nil: undefined });
    const like = fc.record(
      {
        schemaVersion: fc.constant(2),
        config: fc.jsonValue(),
        layers: fc.jsonValue(),
        manifests: fc.jsonValue(),
        subject: fc.jsonValue(),
      },
      { requiredKeys: [] },
    );
    fc.assert(
      fc.property(fc.oneof(fc.jsonValue(), like), type, (value, sent) => {
        expect(["string", "refused"]).toContain(outcome(value, sent));
      }),
    );
  });
});

describe("media types", () => {
  it("lose their parameters and nothing else", () => {
    expect(parseMediaType(" application/json ; charset=utf-8")).toBe("application/json");
    for (const text of ["", "json", "a/b/c", "a /b", "a/\u0000"]) expect(parseMediaType(text)).toBeUndefined();
  });
});
