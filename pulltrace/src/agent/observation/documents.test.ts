import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { chainIds, isDigest, readDocument } from "./documents.ts";

const digest = (letter: string) => `sha256:${letter.repeat(64)}`;
const read = (value: unknown) => readDocument(Buffer.from(JSON.stringify(value)));

describe("a document of an image", () => {
  it("is a manifest with its configuration and layers in order", () => {
    const layers = ["b", "c"].map((letter, index) => ({
      digest: digest(letter),
      size: index + 1,
      mediaType: "a/b+gzip",
    }));
    expect(read({ schemaVersion: 2, config: { digest: digest("a") }, layers })).toEqual({
      kind: "manifest",
      config: digest("a"),
      layers,
    });
  });

  it("is an index with its manifests and their platforms", () => {
    const platform = { os: "linux", architecture: "arm64", variant: "v8" };
    const hostile = { os: { toString: "x" }, architecture: "../.." };
    expect(
      read({
        manifests: [
          { digest: digest("a"), platform },
          { digest: digest("b"), platform: hostile },
          { digest: digest("c") },
        ],
      }),
    ).toEqual({
      kind: "index",
      manifests: [{ digest: digest("a"), platform: "linux/arm64" }, { digest: digest("b") }, { digest: digest("c") }],
    });
  });

  it("is a configuration with the names of its snapshots", () => {
    expect(read({ rootfs: { type: "layers", diff_ids: [digest("a")] } })).toEqual({
      kind: "config",
      chainIds: [digest("a")],
    });
  });

  it("has chain ids as the specification defines them", () => {
    // Seen on a real containerd: diff ids of two layers and the name of the top snapshot.
    const [first, second] = chainIds([digest("a"), digest("b")]);
    expect(first).toBe(digest("a"));
    expect(second).toMatch(/^sha256:[0-9a-f]{64}$/);
    expect(second).not.toBe(digest("b"));
  });

  it("leaves out what is no digest and takes no absurd size", () => {
    const layers = [
      { digest: "../../etc/passwd", size: 1 },
      { digest: digest("b"), size: -5 },
      { digest: digest("c"), size: 1e300 },
      { digest: digest("d"), size: "9", mediaType: 7 },
      null,
    ];
    expect(read({ config: { digest: digest("a") }, layers })).toEqual({
      kind: "manifest",
      config: digest("a"),
      layers: ["b", "c", "d"].map((letter) => ({ digest: digest(letter), size: 0, mediaType: "" })),
    });
  });

  it("has media types that are some: the server refuses the whole report of a node for one that is none", () => {
    const given = [
      "a/b",
      "application/vnd.oci.image.layer.v1.tar+zstd",
      "<img src=x>/y",
      "a/b; c=d",
      "a",
      "a/\n",
      `a/${"b".repeat(127)}`,
    ];
    const layers = given.map((mediaType) => ({ digest: digest("b"), size: 1, mediaType }));
    const manifest = read({ config: { digest: digest("a") }, layers });
    expect(manifest?.kind === "manifest" && manifest.layers.map(({ mediaType }) => mediaType)).toEqual([
      ...given.slice(0, 2),
      ...given.slice(2).map(() => ""),
    ]);
  });

  it("has at most a thousand layers", () => {
    const layers = Array.from({ length: 5000 }, () => ({ digest: digest("b"), size: 1 }));
    const manifest = read({ config: { digest: digest("a") }, layers });
    expect(manifest?.kind === "manifest" && manifest.layers.length).toBe(1000);
  });

  it("is nothing for bytes that are none, and reading never throws", () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.uint8Array(),
          fc.json().map((text) => Buffer.from(text)),
        ),
        (bytes) => {
          const document = readDocument(bytes);
          expect(document === undefined || ["index", "manifest", "config"].includes(document.kind)).toBe(true);
        },
      ),
    );
  });
});

describe("a digest", () => {
  it.each([digest("a"), `sha512:${"0".repeat(128)}`])("%s is one", (text) => expect(isDigest(text)).toBe(true));
  it.each(["", "sha256:", digest("A"), digest("g"), `${digest("a")}\n`, `sha256:${"a".repeat(63)}`, 7, undefined])(
    "%j is none",
    (text) => expect(isDigest(text)).toBe(false),
  );
});
