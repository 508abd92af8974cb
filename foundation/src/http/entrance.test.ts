import { describe, expect, it } from "vitest";
import { access, createTokenAuthority } from "../auth/index.ts";
import { sessionCookie, type HttpRoute } from "./index.ts";
import { closeServers, raw, serve } from "./testing/serving.ts";

closeServers();
const key = new Uint8Array(32).fill(7);

describe("who may enter", () => {
  const authority = createTokenAuthority({ key });
  const routes: HttpRoute[] = [
    { method: "GET", path: "/all", access: access.everyone, handler: (c) => c.json(c.var.principal) },
    { method: "POST", path: "/all", access: access.everyone, handler: (c) => c.text("changed") },
    { method: "GET", path: "/operators", access: access.operators, handler: (c) => c.text("in") },
    { method: "POST", path: "/agent", access: access.agent, handler: (c) => c.text("in") },
  ];
  const secured = { routes, authenticator: authority.authenticator, group: { agentToken: "agent-secret" } };

  it("refuses strangers and says how to prove who one is", async () => {
    const { url } = await serve(secured);
    const response = await fetch(`${url}/all`);
    expect(response.status).toBe(401);
    expect(response.headers.get("www-authenticate")).toBe("Bearer");
    expect((await fetch(`${url}/all`, { headers: { authorization: "Bearer nonsense" } })).status).toBe(401);
  });

  it("takes a token as Bearer, as the password of Basic, and as cookie for reads only", async () => {
    const { url } = await serve(secured);
    const { token } = await authority.issue({ subject: "ann", roles: ["readOnly"], tenant: "team-a", ttlSeconds: 60 });
    const basic = `Basic ${Buffer.from(`any:${token}`).toString("base64")}`;
    const cookie = sessionCookie(token, { maxAgeSeconds: 60, secure: false }).split(";")[0] ?? "";
    expect((await fetch(`${url}/all`, { headers: { authorization: `Bearer ${token}` } })).status).toBe(200);
    expect((await fetch(`${url}/all`, { headers: { authorization: basic } })).status).toBe(200);
    expect((await fetch(`${url}/all`, { headers: { cookie } })).status).toBe(200);
    expect((await fetch(`${url}/all`, { method: "POST", headers: { cookie } })).status).toBe(401);
  });

  it("refuses a role that the route does not name", async () => {
    const { url } = await serve(secured);
    const { token } = await authority.issue({ subject: "ann", roles: ["readOnly"], tenant: "team-a", ttlSeconds: 60 });
    expect((await fetch(`${url}/operators`, { headers: { authorization: `Bearer ${token}` } })).status).toBe(403);
  });

  it("opens agent routes to the agent token alone", async () => {
    const { url } = await serve(secured);
    const { token } = await authority.issue({ subject: "root", roles: ["admin"], ttlSeconds: 60 });
    const as = async (bearer: string): Promise<number> =>
      (await fetch(`${url}/agent`, { method: "POST", headers: { authorization: `Bearer ${bearer}` } })).status;
    expect(await as("agent-secret")).toBe(200);
    expect(await as("agent-secreT")).toBe(401);
    expect(await as(token)).toBe(401);
  });

  it("without authentication, refuses foreign host names and changes from other sites", async () => {
    const server = await serve({ routes, hostGuard: true });
    const rebound = await raw(server, "GET /all HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n");
    expect(rebound.answer).toContain("HTTP/1.1 403");
    const crossSite = await fetch(`${server.url}/all`, { method: "POST", headers: { "sec-fetch-site": "cross-site" } });
    expect(crossSite.status).toBe(403);
    expect((await fetch(`${server.url}/all`)).status).toBe(200);
  });
});
