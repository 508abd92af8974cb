import { randomBytes } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { digestOf, type Digest } from "../digest/index.ts";
import { errorOf, openDoor, type Who } from "../testing/index.ts";

const door = await openDoor();
const { call, push, begin, imageOf } = door;
afterAll(() => door.close());

describe("tenants", () => {
  const bytes = randomBytes(1000);
  const digest = digestOf(bytes);
  let manifest: Digest;
  beforeAll(async () => {
    const image = await imageOf("acme/private");
    manifest = image.digest;
    await call("PUT", `/v2/acme/private/manifests/${manifest}?tag=v1`, { body: image.content });
    await push("acme/private", bytes, "acme");
  });

  it("reads nothing of another's, and cannot tell it from what does not exist", async () => {
    const paths = (repository: string): string[] => [
      `/v2/${repository}/blobs/${digest}`,
      `/v2/${repository}/manifests/v1`,
      `/v2/${repository}/manifests/${manifest}`,
      `/v2/${repository}/tags/list`,
      `/v2/${repository}/referrers/${manifest}`,
    ];
    const tell = async (path: string): Promise<string> => {
      const response = await call("GET", path, { as: "globex" });
      const headers = [...response.headers.keys()].filter((name) => !["date", "x-request-id"].includes(name));
      const body = (await response.json()) as { errors: { code: string; message: string }[] };
      return JSON.stringify([
        response.status,
        headers,
        body.errors.map(({ code, message }) => [code, message]),
      ]).replaceAll(/acme\/\w+/g, "R");
    };
    const theirs = await Promise.all(paths("acme/private").map(tell));
    expect(theirs).toEqual(await Promise.all(paths("acme/nothing").map(tell)));
    for (const answer of theirs) expect(answer).toContain("[404,");
  });

  it("writes nothing of another's", async () => {
    for (const [method, path] of [
      ["POST", "/v2/acme/private/blobs/uploads/"],
      ["PUT", "/v2/acme/private/manifests/v1"],
      ["DELETE", "/v2/acme/private/manifests/v1"],
      ["DELETE", `/v2/acme/private/blobs/${digest}`],
    ] as const) {
      expect(await errorOf(await call(method, path, { as: "globex" }))).toBe("404 NAME_UNKNOWN");
    }
    const location = await begin("acme/private");
    for (const method of ["GET", "PATCH", "PUT", "DELETE"]) {
      expect(await errorOf(await call(method, `${location}?digest=${digest}`, { as: "globex" }))).toBe(
        "404 NAME_UNKNOWN",
      );
    }
    const moved = location.replace("/acme/private/", "/globex/app/");
    expect(await errorOf(await call("GET", moved, { as: "globex" }))).toBe("404 BLOB_UPLOAD_UNKNOWN");
  });

  it("learns nothing by mounting: an upload begins, whether the blob is there or not", async () => {
    const mount = async (what: string): Promise<unknown> => {
      const response = await call("POST", `/v2/globex/app/blobs/uploads/?mount=${what}&from=acme/private`, {
        as: "globex",
      });
      return [response.status, [...response.headers.keys()].toSorted()];
    };
    const there = await mount(digest);
    expect(there).toEqual(await mount(digestOf(Buffer.from("nowhere"))));
    expect(there).toMatchObject([202, expect.any(Array)]);
    expect((await call("HEAD", `/v2/globex/app/blobs/${digest}`, { as: "globex" })).status).toBe(404);
  });

  it("a reader reads and changes nothing", async () => {
    expect((await call("GET", "/v2/acme/private/manifests/v1", { as: "acmeReader" })).status).toBe(200);
    expect(await errorOf(await call("POST", "/v2/acme/private/blobs/uploads/", { as: "acmeReader" }))).toBe(
      "403 DENIED",
    );
    expect(await errorOf(await call("DELETE", "/v2/acme/private/manifests/v1", { as: "acmeReader" }))).toBe(
      "403 DENIED",
    );
  });

  it("sees its own events only", async () => {
    await push("globex/app", randomBytes(5), "globex");
    const events = async (as: Who): Promise<Set<string>> => {
      const { events: list } = (await (await call("GET", "/events?after=0&limit=1000", { as })).json()) as {
        events: { tenant: string }[];
      };
      return new Set(list.map((event) => event.tenant));
    };
    expect(await events("globex")).toEqual(new Set(["globex"]));
    expect(await events("admin")).toEqual(new Set(["acme", "globex"]));
  });
});
