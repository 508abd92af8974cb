import { describe, expect, it } from "vitest";
import { imageReference, referenceParts, sourcesOf } from "./reference.ts";

const digest = `sha256:${"a".repeat(64)}`;
const question = {
  rootDigest: digest,
  sources: [{ hostname: "registry.example", repositories: ["team/a"] }],
  records: [],
  knownHosts: {},
  startedAt: 1000,
};
const record = (name: string, updatedAt = 2000, target = digest) => ({ name, target, createdAt: updatedAt, updatedAt });

describe("the name of the image", () => {
  it("is repository and digest while no record exists", () => {
    expect(imageReference(question)).toBe(`registry.example/team/a@${digest}`);
  });

  it("gets the port that all images of the host share, and no port when they differ", () => {
    const one = { "registry.example": ["registry.example:5000"] };
    expect(imageReference({ ...question, knownHosts: one })).toBe(`registry.example:5000/team/a@${digest}`);
    const two = { "registry.example": ["registry.example:5000", "registry.example"] };
    expect(imageReference({ ...question, knownHosts: two })).toBe(`registry.example/team/a@${digest}`);
  });

  it("is the record's once it exists, the tag before the digest that CRI writes beside it", () => {
    const records = [
      record(`sha256:${"b".repeat(64)}`, 2002),
      record(`registry.example/team/a@${digest}`, 2001),
      record("registry.example/team/a:v1", 2000),
    ];
    expect(imageReference({ ...question, records })).toBe("registry.example/team/a:v1");
  });

  it("is the record written during the pull when the same image has an older tag", () => {
    const records = [record("registry.example/team/a:old", 500), record("registry.example/team/a:new", 1500)];
    expect(imageReference({ ...question, records })).toBe("registry.example/team/a:new");
  });

  it("is never that of another image, repository or host", () => {
    const records = [
      record("registry.example/team/a:v0", 2000, `sha256:${"c".repeat(64)}`),
      record("registry.example/team/b:v1"),
      record("other.example/team/a:v1"),
    ];
    expect(imageReference({ ...question, records })).toBe(`registry.example/team/a@${digest}`);
  });

  it("is none that the server would refuse the node's report for, whatever somebody called an image", () => {
    for (const tag of ["<script>", "v 1", "v\n1", "v\u202e1", 'v"', "x".repeat(1_024)]) {
      const records = [record(`registry.example/team/a:${tag}`, 3000), record("registry.example/team/a:v1", 2000)];
      expect(imageReference({ ...question, records })).toBe("registry.example/team/a:v1");
    }
    const sources = [{ hostname: "registry.example", repositories: ["team/<b>"] }];
    expect(imageReference({ ...question, sources })).toBeUndefined();
  });

  it("is unknown while not even the repository is known", () => {
    expect(imageReference({ ...question, sources: [] })).toBeUndefined();
  });
});

describe("the parts of a reference", () => {
  it.each([
    ["127.0.0.1:5000/team/a:v1", { host: "127.0.0.1:5000", repository: "team/a", tag: "v1" }],
    [`docker.io/library/redis:7@${digest}`, { host: "docker.io", repository: "library/redis", tag: "7", digest }],
    [`[::1]:5000/a@${digest}`, { host: "[::1]:5000", repository: "a", digest }],
  ])("%s", (name, parts) => {
    expect(referenceParts(name)).toEqual(parts);
  });

  it.each([digest, "", "/", "host/", "import-2026"])("%j has none", (name) => {
    expect(referenceParts(name)).toBeUndefined();
  });
});

describe("the source of a blob", () => {
  it("may be several repositories of several hosts", () => {
    const labels = {
      "containerd.io/distribution.source.127.0.0.1": "team/a,team/b",
      "containerd.io/distribution.source.ghcr.io": "x",
      "containerd.io/uncompressed": digest,
    };
    expect(sourcesOf({ digest, size: 1, createdAt: 0, updatedAt: 0, labels })).toEqual([
      { hostname: "127.0.0.1", repositories: ["team/a", "team/b"] },
      { hostname: "ghcr.io", repositories: ["x"] },
    ]);
  });
});
