import { describe, expect, it } from "vitest";
import {
  formatAge,
  formatBytes,
  formatDuration,
  formatInstant,
  formatSpeed,
  formatTimeLeft,
  shortDigest,
  shortImageName,
  shortMediaType,
  splitImageReference,
} from "./index.ts";

describe("sizes", () => {
  it.each([
    [0, "0 B"],
    [999, "999 B"],
    [1000, "0.98 KiB"],
    [4096, "4.00 KiB"],
    [13_002_342, "12.4 MiB"],
    [1_331_439_861, "1.24 GiB"],
    [1024 ** 2 * 999.6, "0.98 GiB"],
    [1024 ** 5 * 5000, "5000 PiB"],
    [Number.NaN, "unknown"],
    [-1, "unknown"],
  ])("%d bytes are written %s", (bytes, text) => expect(formatBytes(bytes)).toBe(text));

  it("never prints more than three digits below the largest unit", () => {
    for (let bytes = 1; bytes < 2 ** 50; bytes = Math.ceil(bytes * 1.37)) {
      expect(formatBytes(bytes)).toMatch(/^(\d{1,3}|\d\.\d\d|\d\d\.\d) [KMGTP]?i?B$/);
    }
  });

  it("a speed is a size per second", () => expect(formatSpeed(2048)).toBe("2.00 KiB/s"));
});

describe("times", () => {
  it.each([
    [-3, "0 s"],
    [0.9, "0 s"],
    [42.9, "42 s"],
    [200, "3 min 20 s"],
    [7500, "2 h 05 min"],
    [273_600, "3 d 4 h"],
  ])("%d seconds are written %s", (seconds, text) => expect(formatDuration(seconds)).toBe(text));

  it.each([
    [0.2, "some seconds"],
    [4.9, "some seconds"],
    [5.2, "5 s"],
    [19.4, "19 s"],
    [43, "45 s"],
    [58, "1 min 00 s"],
    [603, "10 min"],
    [4000, "1 h 07 min"],
  ])("%d seconds left are written %s, no finer than known", (seconds, text) =>
    expect(formatTimeLeft(seconds)).toBe(text),
  );

  it.each([
    [4, "some seconds"],
    [7, "about 5 s"],
    [57, "about 55 s"],
    [58, "about 1 min"],
    [100, "about 1 min 30 s"],
    [180, "about 3 min"],
    [599, "about 10 min"],
    [700, "about 12 min"],
  ])("a time left of about %d seconds is %s", (seconds, text) => expect(formatTimeLeft(seconds, true)).toBe(text));

  it.each([
    [59, "59 s"],
    [61, "1 min"],
    [7300, "2 h"],
    [200_000, "2 d"],
  ])("an age of %d seconds is %s", (seconds, text) => expect(formatAge(seconds)).toBe(text));

  it("an instant names its offset, and a bad one does not throw", () => {
    expect(formatInstant("2026-11-04T10:41:07Z")).toMatch(/^2026-11-0[345] \d\d:\d\d:07 [+-]\d\d:\d\d$/);
    expect(formatInstant("yesterday")).toBe("unknown time");
  });
});

describe("image names", () => {
  it("a host needs a dot, a colon, or to be localhost", () => {
    expect(splitImageReference("127.0.0.1:5614/team/a:1.0")).toEqual({
      registry: "127.0.0.1:5614",
      repository: "team/a",
      tag: "1.0",
    });
    expect(splitImageReference("team/a:1.0")).toEqual({ registry: "", repository: "team/a", tag: "1.0" });
    expect(splitImageReference("localhost/a")).toEqual({ registry: "localhost", repository: "a" });
  });

  it("the port of a host is not a tag", () => {
    expect(splitImageReference("registry:5000/a").tag).toBeUndefined();
  });

  it("without a tag the short digest stands in", () => {
    expect(shortImageName("r.io/a@sha256:0123456789abcdef0123")).toBe("a@0123456789ab");
    expect(shortImageName("r.io/a:2@sha256:0123456789abcdef0123")).toBe("a:2");
    expect(shortDigest("sha256:0123456789abcdef0123")).toBe("0123456789ab");
  });

  it.each([
    ["application/vnd.oci.image.layer.v1.tar+gzip", "tar+gzip"],
    ["application/vnd.oci.image.layer.v1.tar", "tar"],
    ["application/vnd.docker.image.rootfs.diff.tar.gzip", "tar+gzip"],
    ["application/vnd.oci.image.layer.nondistributable.v1.tar+zstd", "tar+zstd"],
    ["application/wasm", "wasm"],
    ["", ""],
  ])("the media type %s is shown as '%s'", (mediaType, text) => expect(shortMediaType(mediaType)).toBe(text));
});
