import { randomBytes } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { digestOf } from "../digest/index.ts";
import { errorOf, openDoor, type Who } from "../testing/index.ts";

const door = await openDoor({ anonymousPull: ["open/*"] });
const { url, call, push, imageOf, tokens } = door;
afterAll(() => door.close());

interface Granted {
  readonly token: string;
  readonly access_token: string;
  readonly expires_in: number;
  readonly issued_at: string;
  readonly scope: string;
}

const basic = (who: Who): string => `Basic ${btoa(`any:${tokens[who]}`)}`;

/** Asks for a token as docker, podman, skopeo and crane do. */
async function ask(who: Who | undefined, ...scopes: readonly string[]): Promise<Granted> {
  const query = new URLSearchParams({ service: "waybill" });
  for (const scope of scopes) query.append("scope", scope);
  const headers = who === undefined ? {} : { authorization: basic(who) };
  const response = await fetch(`${url}/v2/token?${query.toString()}`, { headers });
  expect(response.status).toBe(200);
  expect(response.headers.get("cache-control")).toBe("no-store");
  return (await response.json()) as Granted;
}

const withToken = (token: string, method: string, path: string): Promise<Response> =>
  fetch(new URL(path, url), { method, headers: { authorization: `Bearer ${token}` } });

const challenge = (response: Response): string => response.headers.get("www-authenticate") ?? "";

const bytes = randomBytes(500);
const digest = digestOf(bytes);

beforeAll(async () => {
  for (const repository of ["acme/app", "acme/other", "open/tool", "globex/secret"]) {
    const image = await imageOf(repository);
    await call("PUT", `/v2/${repository}/manifests/v1`, { body: image.content });
    await push(repository, bytes);
  }
});

describe("challenges (Token Authentication Specification)", () => {
  it.each([
    ["GET", "/v2/acme/app/manifests/v1", "repository:acme/app:pull"],
    ["HEAD", `/v2/acme/app/blobs/${digest}`, "repository:acme/app:pull"],
    ["POST", "/v2/acme/app/blobs/uploads/", "repository:acme/app:pull,push"],
    ["PUT", "/v2/acme/app/manifests/v1", "repository:acme/app:pull,push"],
    ["DELETE", "/v2/acme/app/manifests/v1", "repository:acme/app:delete"],
    ["DELETE", "/v2/acme/app/blobs/uploads/00000000-0000-4000-8000-000000000000", "repository:acme/app:pull,push"],
    ["GET", "/v2/acme/app/blobs/uploads/00000000-0000-4000-8000-000000000000", "repository:acme/app:pull,push"],
    [
      "POST",
      `/v2/acme/app/blobs/uploads/?mount=${digest}&from=acme/other`,
      "repository:acme/app:pull,push repository:acme/other:pull",
    ],
    ["GET", "/v2/_catalog", "registry:catalog:*"],
  ])("%s %s asks for %s", async (method, path, scope) => {
    const response = await fetch(new URL(path, url), { method });
    expect(response.status).toBe(401);
    expect(challenge(response)).toBe(`Bearer realm="${url}/v2/token",service="waybill",scope="${scope}"`);
  });

  it("what a challenge asks for is what its request needs", async () => {
    const location = await door.begin("acme/app");
    for (const [method, path] of [
      ["GET", location],
      ["PATCH", location],
      ["DELETE", location],
      ["POST", `/v2/acme/app/blobs/uploads/?mount=${digest}&from=acme/other`],
      ["PUT", `/v2/acme/app/manifests/v9`],
      ["HEAD", "/v2/acme/app/manifests/v1"],
      ["DELETE", `/v2/acme/app/blobs/${digest}`],
      ["GET", "/v2/_catalog"],
    ] as const) {
      const asked = /scope="([^"]*)"/.exec(challenge(await fetch(new URL(path, url), { method })))?.[1] ?? "";
      const { token } = await ask("acme", asked);
      expect([method, path, (await withToken(token, method, path)).status]).not.toContain(401);
    }
    await push("acme/app", bytes);
  });

  it("a name that is none gets into no header, and a host that is none gets no realm", async () => {
    const named = await fetch(`${url}/v2/acme%22x/app/tags/list`);
    expect(challenge(named)).toBe(`Bearer realm="${url}/v2/token",service="waybill"`);
    const answer = await door.raw('GET /v2/ HTTP/1.1\r\nHost: a"b\r\nConnection: close\r\n\r\n');
    expect(answer).toMatch(/^HTTP\/1\.1 4/);
    expect(answer).not.toContain('a"b');
  });

  it("says https behind a proxy that ends TLS", async () => {
    const response = await fetch(`${url}/v2/`, { headers: { "x-forwarded-proto": "https" } });
    expect(challenge(response)).toContain(`realm="https://${new URL(url).host}/v2/token"`);
  });

  it("tells that a token is no longer good", async () => {
    const response = await withToken("made-up", "GET", "/v2/");
    expect(response.status).toBe(401);
    expect(challenge(response)).toContain('error="invalid_token"');
  });
});

describe("tokens", () => {
  it("open exactly what was asked for", async () => {
    const { token, access_token, expires_in, issued_at, scope } = await ask("acme", "repository:acme/app:pull");
    expect([access_token, expires_in, scope]).toEqual([token, 300, "repository:acme/app:pull"]);
    expect(Math.abs(Date.parse(issued_at) - Date.now())).toBeLessThan(60_000);
    expect((await withToken(token, "GET", "/v2/")).status).toBe(200);
    expect((await withToken(token, "GET", "/v2/acme/app/manifests/v1")).status).toBe(200);
    expect((await withToken(token, "GET", `/v2/acme/app/blobs/${digest}`)).status).toBe(200);
    for (const [method, path] of [
      ["GET", "/v2/acme/other/manifests/v1"],
      ["POST", "/v2/acme/app/blobs/uploads/"],
      ["DELETE", "/v2/acme/app/manifests/v1"],
      ["GET", "/v2/_catalog"],
    ] as const) {
      const refused = await withToken(token, method, path);
      expect(challenge(refused)).toContain('error="insufficient_scope"');
      expect(await errorOf(refused)).toBe("401 UNAUTHORIZED");
    }
  });

  it("hold several scopes, given one by one or in one word", async () => {
    const both = ["repository:acme/app:pull,push", "repository:acme/other:pull"];
    expect((await ask("acme", ...both)).scope).toBe(both.join(" "));
    const { token, scope } = await ask("acme", both.join(" "));
    expect(scope).toBe(both.join(" "));
    const mount = `/v2/acme/app/blobs/uploads/?mount=${digest}&from=acme/other`;
    expect((await withToken(token, "POST", mount)).status).toBe(201);
  });

  it("never hold more than the caller may do", async () => {
    expect((await ask("acmeReader", "repository:acme/app:*")).scope).toBe("repository:acme/app:pull");
    expect((await ask("acme", "repository:globex/secret:pull,push", "repository:acme/app:push")).scope).toBe(
      "repository:acme/app:push",
    );
    expect((await ask("acme", "repository:open/tool:pull,push")).scope).toBe("repository:open/tool:pull");
    expect((await ask("admin", "repository:globex/secret:*", "registry:catalog:*")).scope).toBe(
      "repository:globex/secret:pull,push,delete registry:catalog:*",
    );
    expect((await ask("acme", "nonsense", "repository:../x:pull")).scope).toBe("");
  });

  it("let nobody tell whether another tenant's repository exists", async () => {
    const scopes = ["repository:globex/secret:pull", "repository:globex/nothing:pull"];
    const granted = await Promise.all(scopes.map((scope) => ask("acme", scope)));
    expect(granted.map(({ scope }) => scope)).toEqual(["", ""]);
    const tell = async (name: string): Promise<string> => {
      const response = await withToken(granted[0]?.token ?? "", "GET", `/v2/${name}/manifests/v1`);
      const text = (await response.text()).replace(/"request":"[^"]*"/, "").replaceAll(name, "N");
      return `${response.status} ${challenge(response).replaceAll(name, "N")} ${text}`;
    };
    expect(await tell("globex/secret")).toBe(await tell("globex/nothing"));
  });

  it("do not mount what they were not asked to read", async () => {
    await push("acme/hidden", Buffer.from("hidden"));
    const hidden = digestOf(Buffer.from("hidden"));
    const { token } = await ask("acme", "repository:acme/app:pull,push");
    for (const from of ["&from=acme/hidden", ""]) {
      const path = `/v2/acme/app/blobs/uploads/?mount=${hidden}${from}`;
      expect((await withToken(token, "POST", path)).status).toBe(202);
    }
  });

  it("open nothing outside the registry, and buy no other token", async () => {
    const { token } = await ask("admin", "repository:acme/app:*");
    expect((await withToken(token, "GET", "/events?after=0")).status).toBe(401);
    expect((await withToken(token, "GET", "/v2/token?scope=repository:acme/app:*")).status).toBe(401);
    const asPassword = { authorization: `Basic ${btoa(`any:${token}`)}` };
    expect((await fetch(`${url}/v2/`, { headers: asPassword })).status).toBe(401);
  });

  it("are refused to whoever shows a wrong password, with an advice", async () => {
    const headers = { authorization: `Basic ${btoa("ann:secret")}` };
    const response = await fetch(`${url}/v2/token?scope=repository:open/tool:pull`, { headers });
    expect(challenge(response)).toBe('Basic realm="waybill"');
    expect(await errorOf(response)).toBe("401 UNAUTHORIZED");
  });

  it("come by POST, too, as containerd asks: by password or refresh token", async () => {
    const post = (fields: Record<string, string>): Promise<Response> =>
      fetch(`${url}/v2/token`, {
        method: "POST",
        body: new URLSearchParams({ service: "waybill", scope: "repository:acme/app:pull", ...fields }),
      });
    const good: Record<string, string>[] = [
      { grant_type: "password", username: "any", password: tokens.acme },
      { grant_type: "refresh_token", refresh_token: tokens.acme },
    ];
    for (const fields of good) {
      const response = await post(fields);
      expect(((await response.json()) as Granted).scope).toBe("repository:acme/app:pull");
    }
    expect(await errorOf(await post({ grant_type: "password", username: "any", password: "x" }))).toBe(
      "401 UNAUTHORIZED",
    );
    expect(await errorOf(await post({ grant_type: "magic" }))).toBe("400 UNSUPPORTED");
    const large = await fetch(`${url}/v2/token`, { method: "POST", body: "x".repeat(70_000) });
    expect(large.status).toBe(413);
  });
});

describe("strangers", () => {
  it("pull what is public, with a token as clients ask for it, and change nothing", async () => {
    const { token, scope } = await ask(undefined, "repository:open/tool:pull,push", "registry:catalog:*");
    expect(scope).toBe("repository:open/tool:pull");
    expect((await withToken(token, "GET", "/v2/")).status).toBe(200);
    expect((await withToken(token, "GET", "/v2/open/tool/manifests/v1")).status).toBe(200);
    for (const [method, path] of [
      ["POST", "/v2/open/tool/blobs/uploads/"],
      ["DELETE", "/v2/open/tool/manifests/v1"],
      ["GET", "/v2/_catalog"],
    ] as const) {
      expect(await errorOf(await withToken(token, method, path))).toBe("401 UNAUTHORIZED");
    }
  });

  it("are asked to log in for anything else, whether it exists or not", async () => {
    const { token } = await ask(undefined, "repository:acme/app:pull");
    for (const name of ["acme/app", "acme/nothing"]) {
      expect(await errorOf(await withToken(token, "GET", `/v2/${name}/manifests/v1`))).toBe("401 UNAUTHORIZED");
    }
  });

  it("who show no token are asked for one, even for what is public", async () => {
    expect((await fetch(`${url}/v2/open/tool/manifests/v1`)).status).toBe(401);
    expect((await fetch(`${url}/v2/`)).status).toBe(401);
  });

  it("do not come in where nothing is public", async () => {
    const closed = await openDoor();
    const response = await fetch(`${closed.url}/v2/token?scope=repository:open/tool:pull`);
    expect(challenge(response)).toBe('Basic realm="waybill"');
    expect(response.status).toBe(401);
    await closed.close();
  });
});

describe("credentials in every request", () => {
  it.each(["Basic", "Bearer"])("%s with a token of Waybill opens all that its owner may do", async (scheme) => {
    const value = scheme === "Basic" ? btoa(`any:${tokens.acme}`) : tokens.acme;
    const headers = { authorization: `${scheme} ${value}` };
    const statuses = [];
    for (const path of ["/v2/", "/v2/acme/app/manifests/v1", "/v2/open/tool/manifests/v1", "/v2/_catalog"]) {
      statuses.push((await fetch(new URL(path, url), { headers })).status);
    }
    expect(statuses).toEqual([200, 200, 200, 200]);
  });
});
