import { join } from "node:path";
import { temporaryFolder } from "@waybill/foundation/testing";
import { createLogger } from "@waybill/foundation/telemetry";
import { readSettings } from "@waybill/foundation/config";
import type { PullList } from "@waybill/pulltrace/contract";
import { startWaybill, type RunningWaybill } from "@waybill/waybill/assembly";
import { startPullService } from "@waybill/waybill/pull-service";
import { pullServiceSettings, upSettings } from "@waybill/waybill/settings";
import { buildSampleImage, writeOciLayout, type SampleImage } from "@waybill/waybill/sample";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { readEvents } from "./harness/event-reader.ts";
import { skopeoManifest, skopeoPush } from "./harness/skopeo.ts";
import { until } from "./harness/until.ts";
import { runWaybill } from "./harness/waybill.ts";

/** The whole with authentication on: strangers are refused everywhere, and tenants do not see each other. */

const signingKey = "a key for tests, longer than thirty-two bytes";
const stack = new AsyncDisposableStack();
let waybill: RunningWaybill;
let layout: string;
let image: SampleImage;
let admin: string;
const tenants: Record<string, { readonly id: string; readonly owner: string; readonly reader: string }> = {};

const bearer = (token: string): Record<string, string> => ({ authorization: `Bearer ${token}` });

async function call(token: string | undefined, method: string, path: string, body?: unknown): Promise<Response> {
  return fetch(`${waybill.url}${path}`, {
    method,
    redirect: "manual",
    headers: {
      ...(token === undefined ? {} : bearer(token)),
      ...(body === undefined ? {} : { "content-type": "application/json" }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
}

async function created<T>(path: string, body: unknown): Promise<T> {
  const response = await call(admin, "POST", path, body);
  if (response.status !== 201) throw new Error(`${path}: ${response.status} ${await response.text()}`);
  return (await response.json()) as T;
}

beforeAll(async () => {
  const folder = stack.use(await temporaryFolder("waybill-entrance-"));
  const settings = readSettings(upSettings, {
    env: { JWT_SIGNING_KEY: signingKey },
    flags: { data: join(folder.path, "data"), http: "127.0.0.1:0", metrics: "127.0.0.1:0", noAgent: "true" },
  });
  const logger = (name: string): ReturnType<typeof createLogger> => createLogger({ level: "silent", name });
  waybill = stack.adopt(await startWaybill({ settings, version: "test", logger }), (running) => running.close());

  const { stdout, code, stderr } = await runWaybill(
    ["kubenova", "token", "create", "--role", "admin", "--ttl", "1h", "--json"],
    {
      JWT_SIGNING_KEY: signingKey,
    },
  );
  if (code !== 0) throw new Error(stderr);
  admin = (JSON.parse(stdout) as { token: string }).token;
  const { items } = (await (await call(admin, "GET", "/api/v1/clusters")).json()) as { items: { id: string }[] };
  for (const name of ["team-a", "team-b"]) {
    const tenant = await created<{ id: string }>(`/api/v1/clusters/${items[0]?.id}/tenants`, { name });
    const token = async (role: string): Promise<string> =>
      (
        await created<{ token: string }>("/api/v1/tokens", {
          subject: `${name}-${role}`,
          roles: [role],
          tenant: tenant.id,
          ttlMinutes: 10,
        })
      ).token;
    tenants[name] = { id: tenant.id, owner: await token("tenantOwner"), reader: await token("readOnly") };
  }
  image = await buildSampleImage({ name: "team-b/secret", layers: [{ seed: "secret", sizeBytes: 20_000 }] });
  layout = join(folder.path, "layout");
  await writeOciLayout(layout, image);
  await skopeoPush(layout, `${image.name}:${image.tag}`, waybill.url, {
    credentials: `any:${tenants["team-b"]?.owner}`,
  });
  const report = {
    nodeName: "node-1",
    timestamp: new Date().toISOString(),
    pulls: ["team-a", "team-b"].map((name) => ({
      imageRef: `registry.example/${name}/web:1`,
      layers: [
        { digest: image.layers[0]?.digest, mediaType: "x/y", totalBytes: 1000, downloadedBytes: 10, totalKnown: true },
      ],
      startedAt: new Date().toISOString(),
      totalKnown: true,
    })),
  };
  const reported = await call(waybill.agentToken, "POST", "/api/v1/report", report);
  if (!reported.ok) throw new Error(await reported.text());
});

afterAll(() => stack.disposeAsync());

describe("a stranger", () => {
  it("is refused on every route that is not public, and the table has them all", async () => {
    const withoutToken: string[] = [];
    const entered: string[] = [];
    for (const { method, path, access } of waybill.routes) {
      const filled = path
        .replace(/:name\{[^}]*\}/, "team-a/web")
        .replace(/:digest(\{[^}]*\})?/, `sha256:${"0".repeat(64)}`)
        .replaceAll(/:[A-Za-z]+(\{[^}]*\})?/g, "00000000-0000-4000-8000-000000000000");
      const { status } = await call(undefined, method, filled);
      if (access.kind === "public") withoutToken.push(`${method} ${path}`);
      else if (status !== 401) entered.push(`${method} ${path}: ${status}`);
    }
    expect(entered).toEqual([]);
    expect(waybill.routes.length).toBeGreaterThan(25);
    const documents = withoutToken.filter((route) => !/\/assets\/|\.(svg|js|html|css)$/.test(route));
    expect(documents.sort()).toEqual(
      [
        "DELETE /api/v1/session",
        "GET /",
        "GET /features",
        "GET /openapi.json",
        "GET /openapi.yaml",
        "GET /v2/token",
        "GET /version",
        "POST /api/v1/session",
        "POST /v2/token",
      ].sort(),
    );
  });

  it("with a made-up token, or an agent's, gets nowhere", async () => {
    for (const token of ["made-up", waybill.agentToken]) {
      expect((await call(token, "GET", "/api/v1/pulls")).status).toBe(401);
      expect((await call(token, "GET", "/v2/")).status).toBe(401);
    }
  });

  it("cannot report pulls", async () => {
    expect((await call(undefined, "POST", "/api/v1/report", {})).status).toBe(401);
    expect((await call(tenants["team-a"]?.owner, "POST", "/api/v1/report", {})).status).toBe(401);
  });
});

describe("the pull server's second address, for reports alone", () => {
  it("refuses strangers, readers' tokens and every other route; the agents' token gets in", async () => {
    const agentToken = "agents-of-this-test";
    const settings = readSettings(pullServiceSettings, {
      env: {
        JWT_SIGNING_KEY: signingKey,
        PULLTRACE_AGENT_TOKEN: agentToken,
        PULLTRACE_HTTP_ADDR: "127.0.0.1:0",
        PULLTRACE_METRICS_ADDR: "127.0.0.1:0",
        PULLTRACE_REPORT_ADDR: "127.0.0.1:0",
        PULLTRACE_KUBERNETES: "off",
      },
      flags: {},
    });
    const service = await startPullService(settings, createLogger({ level: "silent", name: "pulltrace-server" }));
    try {
      const report = { nodeName: "node-1", timestamp: new Date().toISOString(), pulls: [] };
      const statusOf = async (method: string, path: string, token?: string): Promise<number> => {
        const headers = token === undefined ? {} : bearer(token);
        const body = method === "POST" ? { body: JSON.stringify(report) } : {};
        return (await fetch(`${service.reportUrl}${path}`, { method, headers, ...body })).status;
      };
      for (const token of [undefined, "made-up", admin, tenants["team-a"]?.owner])
        expect(await statusOf("POST", "/api/v1/report", token)).toBe(401);
      for (const path of ["/", "/api/v1/pulls", "/api/v1/events", "/metrics"])
        expect([path, await statusOf("GET", path, admin)]).toEqual([path, 404]);
      expect(await statusOf("GET", "/api/v1/report", agentToken)).toBe(405);
      expect(await statusOf("POST", "/api/v1/report", agentToken)).toBe(200);
    } finally {
      await service.close();
    }
  });
});

describe("a tenant's token", () => {
  const asA = (method: string, path: string, body?: unknown): Promise<Response> =>
    call(tenants["team-a"]?.owner, method, path, body);

  it("lets skopeo push and read its own repositories", async () => {
    const credentials = `any:${tenants["team-b"]?.reader}`;
    expect(await skopeoManifest(waybill.url, `${image.name}:${image.tag}`, { credentials })).toBe(
      image.manifest.bytes.toString(),
    );
  });

  it("neither reads nor writes another's repositories, and cannot tell whether they exist", async () => {
    const layer = image.layers[0]?.digest ?? "";
    const questions: readonly (readonly [string, string])[] = [
      ["GET", `manifests/${image.tag}`],
      ["HEAD", `manifests/${image.manifest.digest}`],
      ["GET", `blobs/${layer}`],
      ["HEAD", `blobs/${layer}`],
      ["GET", "tags/list"],
      ["POST", "blobs/uploads/"],
      ["PUT", "manifests/new"],
      ["DELETE", `manifests/${image.manifest.digest}`],
      ["DELETE", `blobs/${layer}`],
    ];
    const wording = async (response: Response): Promise<string> =>
      (await response.text()).replaceAll("secret", "no-such").replace(/"request":"[^"]*"/, "");
    for (const [method, rest] of questions) {
      const there = await asA(method, `/v2/team-b/secret/${rest}`);
      const nowhere = await asA(method, `/v2/team-b/no-such/${rest}`);
      expect([method, rest, there.status]).toEqual([method, rest, 404]);
      expect(nowhere.status).toBe(404);
      expect(await wording(there)).toBe(await wording(nowhere));
    }
    await expect(
      skopeoPush(layout, `${image.name}:${image.tag}`, waybill.url, { credentials: `any:${tenants["team-a"]?.owner}` }),
    ).rejects.toThrow();
  });

  it("learns nothing by mounting another's blob: the same answer as for a blob that nobody has", async () => {
    const mount = async (digest: string): Promise<number> =>
      (await asA("POST", `/v2/team-a/web/blobs/uploads/?mount=${digest}&from=team-b/secret`)).status;
    expect(await mount(image.layers[0]?.digest ?? "")).toBe(202);
    expect(await mount(`sha256:${"1".repeat(64)}`)).toBe(202);
    expect((await asA("GET", `/v2/team-a/web/blobs/${image.layers[0]?.digest}`)).status).toBe(404);
  });

  it("sees its own pulls and events only", async () => {
    const list = (await (await asA("GET", "/api/v1/pulls")).json()) as PullList;
    expect(list.pulls.map(({ tenant }) => tenant)).toEqual(["team-a"]);
    const all = (await (await call(admin, "GET", "/api/v1/pulls")).json()) as PullList;
    expect(new Set(all.pulls.map(({ tenant }) => tenant))).toEqual(new Set(["team-a", "team-b"]));
    const run = all.lastEventId.slice(0, all.lastEventId.lastIndexOf("-"));
    const own = await readEvents(waybill.url, `${run}-0`, bearer(tenants["team-a"]?.owner ?? ""));
    await until("its first event", () => (own.received.length > 0 ? true : undefined));
    await own.disconnect();
    expect(JSON.stringify(own.received)).toContain("team-a/web");
    expect(JSON.stringify(own.received)).not.toContain("team-b");
    const changes = await (await asA("GET", "/events?after=0")).text();
    expect(changes).not.toContain("secret");
    expect(await (await call(admin, "GET", "/events?after=0")).text()).toContain("secret");
  });

  it("does not find another's tenant record", async () => {
    const { items } = (await (await call(admin, "GET", "/api/v1/clusters")).json()) as { items: { id: string }[] };
    const path = (name: string): string => `/api/v1/clusters/${items[0]?.id}/tenants/${tenants[name]?.id}`;
    expect((await asA("GET", path("team-a"))).status).toBe(200);
    expect((await asA("GET", path("team-b"))).status).toBe(404);
    expect((await asA("DELETE", path("team-b"))).status).toBe(404);
  });

  it("that may only read writes nothing", async () => {
    const { status } = await call(tenants["team-b"]?.reader, "POST", "/v2/team-b/secret/blobs/uploads/");
    expect(status).toBe(403);
  });
});
