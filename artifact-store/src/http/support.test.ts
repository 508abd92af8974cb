import { afterAll, describe, expect, it } from "vitest";
import { errorOf, openDoor } from "../testing/index.ts";

const door = await openDoor();
const { url, call } = door;
afterAll(() => door.close());

describe("who may enter (Determining Support)", () => {
  it("asks a stranger for credentials in the way that docker, skopeo and containerd understand", async () => {
    const response = await fetch(new URL("/v2/", url));
    expect(response.headers.get("www-authenticate")).toBe('Basic realm="waybill"');
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
