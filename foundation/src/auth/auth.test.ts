import { SignJWT } from "jose";
import { describe, expect, it } from "vitest";
import {
  access,
  createTokenAuthority,
  mayReadTenant,
  mayWriteTenant,
  permits,
  roles,
  seesAllTenants,
  type Principal,
} from "./index.ts";

const key = new Uint8Array(32).fill(1);
const authority = createTokenAuthority({ key });
const owner: Principal = { subject: "o", roles: ["tenantOwner"], tenant: "a", anonymous: false };

describe("tokens", () => {
  it("carry who one is", async () => {
    const { token, expiresAt } = await authority.issue({
      subject: "ann",
      roles: ["projectDev"],
      tenant: "a",
      tenantId: "1",
      projects: ["p"],
      ttlSeconds: 60,
    });
    expect(await authority.verify(token)).toEqual({
      subject: "ann",
      roles: ["projectDev"],
      tenant: "a",
      tenantId: "1",
      projects: ["p"],
      anonymous: false,
    });
    expect(Math.abs(expiresAt.getTime() - Date.now() - 60_000)).toBeLessThan(5000);
  });

  it("are refused when expired, altered, signed by another key, or unsigned", async () => {
    const { token } = await authority.issue({ subject: "ann", roles: ["admin"], ttlSeconds: -10 });
    expect(await authority.verify(token)).toBeUndefined();
    const good = (await authority.issue({ subject: "ann", roles: ["readOnly"], tenant: "a", ttlSeconds: 60 })).token;
    const [head, body, signature] = good.split(".");
    const claims = JSON.parse(Buffer.from(body ?? "", "base64url").toString()) as object;
    const forged = Buffer.from(JSON.stringify({ ...claims, roles: ["admin"] })).toString("base64url");
    expect(await authority.verify(`${head}.${forged}.${signature}`)).toBeUndefined();
    const none = Buffer.from('{"alg":"none"}').toString("base64url");
    expect(await authority.verify(`${none}.${body}.`)).toBeUndefined();
    expect(await createTokenAuthority({ key: new Uint8Array(32).fill(2) }).verify(good)).toBeUndefined();
    expect(await authority.verify("")).toBeUndefined();
  });

  it("are refused with claims that make no sense, although the signature is ours", async () => {
    const sign = (claims: Record<string, unknown>): Promise<string> =>
      new SignJWT(claims)
        .setProtectedHeader({ alg: "HS256" })
        .setSubject("x")
        .setIssuer("waybill")
        .setAudience("waybill")
        .setExpirationTime("1h")
        .sign(key);
    expect(await authority.verify(await sign({ roles: ["admin"] }))).toBeDefined();
    for (const claims of [
      {},
      { roles: [] },
      { roles: ["root"] },
      { roles: ["admin"], tenant: 1 },
      { roles: ["projectDev"], projects: [1] },
    ]) {
      expect(await authority.verify(await sign(claims))).toBeUndefined();
    }
  });

  it("need a key of 32 bytes", () => {
    expect(() => createTokenAuthority({ key: new Uint8Array(31) })).toThrow("32 bytes");
  });
});

describe("tenants", () => {
  it("are closed to each other; only admin and ops without a tenant see all", () => {
    expect(mayReadTenant(owner, "a")).toBe(true);
    expect(mayReadTenant(owner, "b")).toBe(false);
    for (const role of roles) {
      const unbound: Principal = { subject: "x", roles: [role], anonymous: false };
      expect(seesAllTenants(unbound)).toBe(role === "admin" || role === "ops");
      expect(seesAllTenants({ ...unbound, tenant: "a" })).toBe(false);
    }
  });

  it("are written by all but readOnly", () => {
    for (const role of roles) expect(mayWriteTenant({ ...owner, roles: [role] }, "a")).toBe(role !== "readOnly");
    expect(mayWriteTenant(owner, "b")).toBe(false);
  });
});

describe("routes", () => {
  it("are open to exactly the roles they name", () => {
    for (const role of roles) {
      const principal: Principal = { subject: "x", roles: [role], anonymous: false };
      expect(permits(access.everyone, principal)).toBe(true);
      expect(permits(access.operators, principal)).toBe(role === "admin" || role === "ops");
      expect(permits(access.agent, principal)).toBe(false);
    }
    expect(permits(access.everyone, { subject: "stranger", roles: [], anonymous: true })).toBe(false);
  });
});

describe("narrow tokens", () => {
  const claims = { subject: "ann", roles: ["projectDev"], tenant: "a", ttlSeconds: 60 } as const;
  const narrowTo = { audience: "registry", scopes: ["repository:a/app:pull"] };

  it("say who one is and what for, to their audience", async () => {
    const { token } = await authority.issue({ ...claims, narrowTo });
    expect(await authority.authenticator({ bearer: token, audience: "registry" })).toEqual({
      subject: "ann",
      roles: ["projectDev"],
      tenant: "a",
      anonymous: false,
      scopes: ["repository:a/app:pull"],
    });
  });

  it("are no tokens anywhere else, nor as a password or cookie", async () => {
    const { token } = await authority.issue({ ...claims, narrowTo });
    expect(await authority.verify(token)).toBeUndefined();
    expect(await authority.verify(token, "waybill")).toBeUndefined();
    expect(await authority.authenticator({ bearer: token })).toBeUndefined();
    expect(await authority.authenticator({ bearer: token, audience: "other" })).toBeUndefined();
    const basic = { user: "any", password: token };
    expect(await authority.authenticator({ basic, audience: "registry" })).toBeUndefined();
    expect(await authority.authenticator({ session: token, audience: "registry" })).toBeUndefined();
  });

  it("leave full tokens what they are, and those never become anonymous", async () => {
    const { token } = await authority.issue({ ...claims, anonymous: true });
    const principal = await authority.authenticator({ bearer: token, audience: "registry" });
    expect(principal).toMatchObject({ subject: "ann", anonymous: false });
    expect(principal?.scopes).toBeUndefined();
  });
});
