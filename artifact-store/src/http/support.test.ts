import { afterAll, describe, expect, it } from "vitest";
import { silentLogger } from "@waybill/foundation/testing";
import { errorOf, openDoor } from "../testing/index.ts";
import { registryGroups } from "./registry.ts";

const door = await openDoor();
const { url, call } = door;
afterAll(() => door.close());

describe("who may enter (Determining Support)", () => {
  it("asks a stranger for credentials in the way that docker, skopeo and containerd understand", async () => {
    const response = await fetch(new URL("/v2/", url));
    expect(response.headers.get("www-authenticate")).toBe(`Bearer realm="${url}/v2/token",service="waybill"`);
    expect(await errorOf(response)).toBe("401 UNAUTHORIZED");
  });

  it.each(["/v2/", "/v2"])("answers 200 to %s for whoever has a token", async (path) => {
    const response = await call("GET", path, { as: "acmeReader" });
    expect(response.status).toBe(200);
    expect(response.headers.get("docker-distribution-api-version")).toBe("registry/2.0");
  });

  it("tells of an unknown path and of a wrong method in the registry's shape", async () => {
    expect(await errorOf(await call("GET", "/v2/acme/app/nothing/here"))).toMatch(/^404 /);
    expect(await errorOf(await call("POST", "/v2/acme/app/tags/list"))).toBe("405 UNSUPPORTED");
  });
});

describe("warnings (Warnings)", () => {
  it("are in every answer, as headers that clients show: code 299, no agent, no date", async () => {
    const noticed = await openDoor({ notice: 'Down on "Sunday"' });
    const digest = await noticed.push("acme/app", Buffer.from("x"));
    for (const [path, status] of [
      ["/v2/", 200],
      [`/v2/acme/app/blobs/${digest}`, 200],
      ["/v2/acme/app/manifests/none", 404],
    ] as const) {
      const response = await noticed.call("GET", path);
      expect([response.status, response.headers.get("warning")]).toEqual([
        status,
        String.raw`299 - "Down on \"Sunday\""`,
      ]);
    }
    await noticed.close();
  });

  it.each(["", "two\nlines", "x".repeat(5000), "grün"])("cannot be %j", async (notice) => {
    expect(() => registryGroups(door.store, { log: silentLogger(), notice })).toThrow("a notice");
  });
});
