import { UserError } from "@waybill/foundation/errors";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parseBlobLocation, type BlobLocation } from "./location.ts";

/** What is said about an address that is refused: all that may reach a log. */
function refusalOf(address: string): string {
  try {
    parseBlobLocation(address);
  } catch (error) {
    if (error instanceof UserError) return `${error.message} ${error.advice}`;
    throw error;
  }
  throw new Error(`${address} was taken`);
}

function takenOrRefused(address: string): BlobLocation | undefined {
  try {
    return parseBlobLocation(address);
  } catch (error) {
    if (error instanceof UserError) return undefined;
    throw error;
  }
}

describe("where blobs are", () => {
  it.each([
    ["/var/lib/blobs", "/var/lib/blobs"],
    ["/var/lib/../blobs", "/var/blobs"],
    ["file:///var/lib/blobs", "/var/lib/blobs"],
    ["file:///a%20folder", "/a folder"],
  ])("%s is a folder", (address, folder) => {
    expect(parseBlobLocation(address)).toEqual({ kind: "file", folder });
  });

  it("a path that begins with a dot is meant from here", () => {
    expect(parseBlobLocation("./blobs")).toEqual({ kind: "file", folder: `${process.cwd()}/blobs` });
  });

  it.each([
    ["s3://bucket", { prefix: "", endpoint: undefined, region: undefined, pathStyle: false }],
    ["s3://bucket/", { prefix: "" }],
    ["s3://bucket/a/b", { prefix: "a/b/" }],
    ["s3://bucket//a///b//", { prefix: "a/b/" }],
    ["s3://bucket/%C3%A4", { prefix: "ä/" }],
    ["s3://my.bucket-1?region=eu-central-1", { bucket: "my.bucket-1", region: "eu-central-1", pathStyle: false }],
    [
      "s3://bucket/p?endpoint=https://s3.example.com:9000",
      { endpoint: "https://s3.example.com:9000", region: "us-east-1", pathStyle: true },
    ],
    ["s3://bucket?endpoint=http://[::1]:9000/", { endpoint: "http://[::1]:9000" }],
    ["s3://bucket?endpoint=https://s3.example.com&pathStyle=false", { pathStyle: false }],
    ["s3://bucket?pathStyle=true", { pathStyle: true }],
  ])("%s is a bucket", (address, expected) => {
    expect(parseBlobLocation(address)).toMatchObject({ kind: "s3", bucket: "bucket", ...expected });
  });

  it.each([
    "s3://key:hidden@bucket/prefix",
    "s3://hidden@bucket",
    "s3://bucket?endpoint=https://key:hidden@s3.example.com",
    "s3://bucket?endpoint=https://hidden@s3.example.com",
    "https://key:hidden@s3.example.com/bucket",
  ])("%s is refused for its credentials, which are not repeated", (address) => {
    const refusal = refusalOf(address);
    expect(refusal).toContain("credentials");
    expect(refusal).not.toContain("hidden");
  });

  it.each([
    ["", "no URL"],
    ["bucket", "no URL"],
    ["https://s3.example.com/bucket", "begins with https:"],
    ["gs://bucket", "begins with gs:"],
    ["javascript:alert(1)", "begins with javascript:"],
    ["file://host/folder", "on this machine"],
    ["file:///folder?x=1", "on this machine"],
    ["file:///a%2Fb", "no path"],
    ["file:///a%00b", "no path"],
    ["file://key:hidden@host/folder", "no URL"],
    ["s3://", "no name of a bucket"],
    ["s3:///prefix", "no name of a bucket"],
    ["s3:bucket", "no name of a bucket"],
    ["s3://ab", "no name of a bucket"],
    ["s3://UPPER", "no name of a bucket"],
    ["s3://under_score", "no name of a bucket"],
    ["s3://bucket:9000", "no name of a bucket"],
    [`s3://${"b".repeat(64)}`, "no name of a bucket"],
    ["s3://bucket/a/%2e%2e%2fb", "dots"],
    ["s3://bucket/a%2f..%2fb", "dots"],
    ["s3://bucket/%E0%A4%A", "prefix"],
    ["s3://bucket/a%00b", "prefix"],
    ["s3://bucket/a%0Ab", "prefix"],
    ["s3://bucket?endpoint=s3.example.com", "http:// or https://"],
    ["s3://bucket?endpoint=", "http:// or https://"],
    ["s3://bucket?endpoint=ftp://s3.example.com", "http:// or https://"],
    ["s3://bucket?endpoint=file:///etc/passwd", "http:// or https://"],
    ["s3://bucket?endpoint=http://a&endpoint=http://b", "twice"],
    ["s3://bucket?endpoint=https://s3.example.com/path", "path"],
    ["s3://bucket?endpoint=https://s3.example.com?x=1", "path"],
    ["s3://bucket?pathStyle=yes", "true or false"],
    ["s3://bucket?region=", "region"],
    ["s3://bucket?region=a%0Ab", "region"],
    ["s3://bucket?Endpoint=https://s3.example.com", 'unknown parameter "Endpoint"'],
    ["s3://bucket?access_key=hidden", 'unknown parameter "access_key"'],
    ["s3://bucket#fragment", "#"],
  ])("%s is refused, and it is said why", (address, why) => {
    const refusal = refusalOf(address);
    expect(refusal).toContain(why);
    expect(refusal).not.toContain("hidden");
  });

  it("anything at all is either taken or refused with a sentence, and never climbs out of its bucket", () => {
    const part = fc.string({ unit: "binary", maxLength: 30 });
    const address = fc.oneof(
      part,
      fc.tuple(part, part).map(([path, query]) => `s3://bucket/${path}?${query}`),
      part.map((path) => `file:///${path}`),
    );
    fc.assert(
      // Whatever else is thrown fails the property.
      fc.property(address, (text) => {
        const location = takenOrRefused(text);
        const prefix = location?.kind === "s3" ? location.prefix : "";
        expect(prefix).toMatch(/^(?:(?!\.\.?\/)[^/]+\/)*$/);
      }),
    );
  });
});
