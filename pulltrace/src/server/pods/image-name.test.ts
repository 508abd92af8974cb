import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { fullImageName, matchImage, readImageName } from "./image-name.ts";

const digest = `sha256:${"a".repeat(64)}`;
const other = `sha256:${"b".repeat(64)}`;

describe("fullImageName", () => {
  it.each([
    ["nginx", "docker.io/library/nginx:latest"],
    ["nginx:1.27", "docker.io/library/nginx:1.27"],
    ["team/app", "docker.io/team/app:latest"],
    ["docker.io/nginx", "docker.io/library/nginx:latest"],
    ["index.docker.io/nginx", "docker.io/library/nginx:latest"],
    ["localhost/app:2", "localhost/app:2"],
    ["localhost:5000/app", "localhost:5000/app:latest"],
    ["registry.example/a/b/c:v1", "registry.example/a/b/c:v1"],
    ["[::1]:5000/a:1", "[::1]:5000/a:1"],
    [`nginx@${digest}`, `docker.io/library/nginx@${digest}`],
    [`nginx:1@${digest}`, `docker.io/library/nginx:1@${digest}`],
  ])("of %s is %s", (text, full) => {
    expect(fullImageName(text)).toBe(full);
  });

  it.each(["", "Nginx", "a//b", "a:", "a:b:c", "a@sha256:1", "http://a/b", "a b", "<img src=x>", "-/a"])(
    "leaves %j, which is no name, as it is",
    (text) => {
      expect(readImageName(text)).toBeUndefined();
      expect(fullImageName(text)).toBe(text);
    },
  );

  it.each([
    ["nginx\u200b", "nginx\ufffd"],
    ["evil\u202egpj.exe\r\n\0", "evil\ufffdgpj.exe\ufffd\ufffd\ufffd"],
    ["a\ud800", "a\ufffd"],
    ["😀".repeat(600), "😀".repeat(512)],
    [`x${"😀".repeat(600)}`, `x${"😀".repeat(511)}\ufffd`],
    ["https://bob:hunter2@registry.example/a?token=hunter2", "https://registry.example/a"],
  ])("of %j, which is no name, is what can be shown of it and gives no access: %j", (text, full) => {
    expect(fullImageName(text)).toBe(full);
  });

  it("is its own full name, whatever comes", () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.stringMatching(/^[a-z.:/@0-9-]{1,40}$/)), (text) => {
        const full = fullImageName(text);
        expect(fullImageName(full)).toBe(full);
      }),
    );
  });
});

describe("matchImage", () => {
  const match = (wanted: string, pull: string, manifestDigest?: string) =>
    matchImage(readImageName(wanted)!, { name: readImageName(pull)!, manifestDigest });
  it.each([
    ["nginx", "docker.io/library/nginx:latest", undefined, "exact"],
    ["nginx:1", "docker.io/library/nginx:2", undefined, "none"],
    ["nginx:1", `docker.io/library/nginx@${digest}`, undefined, "possible"],
    // The label of containerd that names the repository has no port.
    ["127.0.0.1:5614/team/a:1", `127.0.0.1/team/a@${digest}`, undefined, "possible"],
    ["127.0.0.1:5614/team/a:1", "127.0.0.1/team/a:1", undefined, "exact"],
    ["127.0.0.1:5614/team/a:1", "127.0.0.1:5615/team/a:1", undefined, "none"],
    ["one.example/a:1", "two.example/a:1", undefined, "none"],
    [`nginx@${digest}`, `docker.io/library/nginx@${digest}`, undefined, "exact"],
    [`nginx@${digest}`, `docker.io/library/nginx@${other}`, digest, "exact"],
    // Index wanted, platform manifest known, or the other way round: it cannot be told.
    [`nginx@${digest}`, `docker.io/library/nginx@${other}`, undefined, "possible"],
    [`nginx:1@${digest}`, "docker.io/library/nginx:1", undefined, "possible"],
    [`nginx:1@${digest}`, "docker.io/library/nginx:2", undefined, "none"],
  ])("%s and %s with manifest %s: %s", (wanted, pull, manifest, strength) => {
    expect(match(wanted, pull, manifest)).toBe(strength);
  });
});
