import { randomBytes, randomUUID } from "node:crypto";
import { createTokenAuthority, type Role } from "@waybill/foundation/auth";
import { openDatabase, type Database } from "@waybill/foundation/database";
import { createEventLog, eventLogMigrations, type EventLog } from "@waybill/foundation/eventlog";
import { createApp, startServer } from "@waybill/foundation/http";
import { silentLogger } from "@waybill/foundation/testing";
import { operationIds, operations, problem, type Cluster, type Operation, type Tenant } from "../../contract/index.ts";
import { createManager, type Manager } from "../manager.ts";
import { openApiDocument } from "../openapi/index.ts";
import { managerMigrations, type ManagerTables } from "../storage/index.ts";

const signingKey = randomBytes(32);

export interface Reply {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  /** The body as JSON; undefined when there is none. */
  readonly json: Record<string, unknown> | undefined;
}

interface CallOptions {
  readonly token?: string;
  readonly body?: unknown;
  /** Sent as it is, instead of `body`. */
  readonly raw?: string | Uint8Array;
  readonly headers?: Readonly<Record<string, string>>;
}

export interface TestManager {
  readonly url: string;
  readonly manager: Manager;
  readonly database: Database<ManagerTables>;
  readonly events: EventLog;
  readonly admin: string;
  token(role: Role, tenant?: Tenant): Promise<string>;
  /** Over real HTTP; checks every answer against the OpenAPI document and its schema. */
  call(method: string, path: string, options?: CallOptions): Promise<Reply>;
  /** As admin; throws unless it was made. */
  newCluster(name?: string): Promise<Cluster>;
  newTenant(cluster: Cluster, more?: object): Promise<Tenant>;
  close(): Promise<void>;
}

export interface TestManagerOptions {
  readonly authentication?: boolean;
  readonly clock?: () => number;
}

interface Described {
  readonly responses: Readonly<Record<string, unknown>>;
}
const paths = openApiDocument()["paths"] as Readonly<Record<string, Readonly<Record<string, Described>>>>;

function operationFor(method: string, path: string): Operation | undefined {
  return operationIds
    .map((id): Operation => operations[id])
    .find((it) => {
      const pattern = new RegExp(`^${it.path.replaceAll(/\{[A-Za-z]+\}/gu, "[^/]+").replaceAll(".", "\\.")}$`, "u");
      return it.method === method && pattern.test(path);
    });
}

/** Throws when an answer is not one that the API promises. */
function checkPromises(method: string, path: string, reply: Reply): void {
  const operation = operationFor(method, path.split("?")[0] ?? "");
  const say = `${method} ${path} → ${reply.status} ${reply.text.slice(0, 300)}`;
  if (reply.status >= 400) {
    const parsed = problem.safeParse(reply.json);
    if (!parsed.success || reply.headers.get("content-type") !== "application/problem+json")
      throw new Error(`no problem: ${say}`);
    if (parsed.data.code !== `KN-${reply.status}` || parsed.data.status !== reply.status)
      throw new Error(`wrong code: ${say}`);
  }
  if (operation === undefined) return;
  if (paths[operation.path]?.[method.toLowerCase()]?.responses[String(reply.status)] === undefined) {
    throw new Error(`not in the document: ${say}`);
  }
  const { schema, status, mediaType } = operation.answer;
  if (reply.status === status && schema !== undefined && mediaType === undefined) schema.parse(reply.json);
}

/** A manager with its server on an empty or a shared database. */
export async function startTestManager(url: string, options: TestManagerOptions = {}): Promise<TestManager> {
  const opened = await openDatabase({ url, migrations: [eventLogMigrations, managerMigrations] });
  const authority = options.authentication === false ? undefined : createTokenAuthority({ key: signingKey });
  const log = silentLogger();
  const manager = await createManager({
    database: opened,
    log,
    version: "0.0.0-test",
    ...(authority === undefined ? {} : { authority }),
    ...(options.clock === undefined ? {} : { clock: options.clock }),
  });
  const app = createApp({ groups: manager.groups, authenticator: manager.authenticator, log });
  const server = await startServer({ app, address: { host: "127.0.0.1", port: 0 }, log });
  const events = createEventLog({ database: opened, stream: "kubenova" });

  async function token(role: Role, tenant?: Tenant): Promise<string> {
    const bound = tenant === undefined ? {} : { tenant: tenant.name, tenantId: tenant.id };
    const issued = await authority?.issue({ subject: `${role}-1`, roles: [role], ttlSeconds: 3600, ...bound });
    return issued?.token ?? "";
  }

  async function call(method: string, path: string, given: CallOptions = {}): Promise<Reply> {
    const body = given.raw ?? (given.body === undefined ? undefined : JSON.stringify(given.body));
    const response = await fetch(new URL(path, server.url), {
      method,
      headers: {
        ...(body === undefined ? {} : { "content-type": "application/json" }),
        ...(given.token === undefined || given.token === "" ? {} : { authorization: `Bearer ${given.token}` }),
        ...given.headers,
      },
      ...(body === undefined ? {} : { body: typeof body === "string" ? body : new Uint8Array(body) }),
    });
    const text = await response.text();
    const isJson = /^application\/(problem\+)?json$/u.test(response.headers.get("content-type") ?? "");
    const json = isJson ? (JSON.parse(text) as Record<string, unknown>) : undefined;
    const reply = { status: response.status, headers: response.headers, text, json };
    checkPromises(method, path, reply);
    return reply;
  }

  const admin = await token("admin");
  async function create<T>(path: string, body: object): Promise<T> {
    const reply = await call("POST", path, { token: admin, body });
    if (reply.status !== 201) throw new Error(`not made: ${reply.text}`);
    return reply.json as T;
  }

  return {
    url: server.url,
    manager,
    database: opened.as<ManagerTables>(),
    events,
    admin,
    token,
    call,
    newCluster: (name = `c-${randomUUID()}`) => create<Cluster>("/api/v1/clusters", { name }),
    newTenant: (cluster, more = {}) =>
      create<Tenant>(`/api/v1/clusters/${cluster.id}/tenants`, { name: `t-${randomUUID()}`, ...more }),
    close: async () => {
      await server.close();
      await manager.close();
      events.close();
      await opened.close();
    },
  };
}
