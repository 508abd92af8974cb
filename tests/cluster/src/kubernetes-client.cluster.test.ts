import { readFile, rename, writeFile } from "node:fs/promises";
import { createServer, connect, type AddressInfo, type Socket } from "node:net";
import { join } from "node:path";
import { inspect } from "node:util";
import {
  connectionOf,
  connectKubernetes,
  createKubernetes,
  keepList,
  KubernetesError,
  mayI,
  pods,
  readKubeconfig,
  reviewToken,
  type Connection,
  type KeptList,
  type Kubernetes,
  type KubernetesObject,
  type ListChange,
  type ResourceKind,
} from "@waybill/foundation/kubernetes";
import { temporaryFolder } from "@waybill/foundation/testing";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { startApiServer } from "./api-server.ts";
import type { ApiServer } from "./contract.ts";
import { apiServerMissing } from "./missing.ts";
import { readUntil, until } from "./until.ts";

/** The client of foundation/kubernetes against a real kube-apiserver; its unit tests use a fake for speed. */

const missing = await apiServerMissing();
const reason = missing === undefined ? "" : ` (not tried: ${missing})`;
const configMaps: ResourceKind = { group: "", version: "v1", plural: "configmaps", namespaced: true };
const stack: AsyncDisposable[] = [];
let api: ApiServer;
let admin: Kubernetes;

beforeAll(async () => {
  if (missing !== undefined) return;
  api = await startApiServer();
  admin = await client(api.kubeconfig);
});
afterEach(async () => {
  for (const one of stack.splice(0).toReversed()) await one[Symbol.asyncDispose]();
});
afterAll(async () => {
  admin?.close();
  await api?.stop();
});

async function client(kubeconfig: string): Promise<Kubernetes> {
  const kubernetes = await connectKubernetes({ kubeconfig: { path: kubeconfig } });
  if (kubernetes === undefined) throw new Error("no client");
  return kubernetes;
}
async function adminConnection(): Promise<Connection> {
  return connectionOf(readKubeconfig(await readFile(api.kubeconfig, "utf8"), "own"));
}
const failure = async (call: Promise<unknown>): Promise<KubernetesError> => {
  const error: unknown = await call.then(
    () => new Error("it succeeded"),
    (error: unknown) => error,
  );
  if (error instanceof KubernetesError) return error;
  throw error;
};
const podOf = (namespace: string, name: string): KubernetesObject & { readonly spec: object } => ({
  apiVersion: "v1",
  kind: "Pod",
  metadata: { namespace, name },
  spec: { containers: [{ name: "main", image: "nginx:1" }] },
});

/** Follows the pods of a namespace; what it was told stands in `changes`. */
function follow(kubernetes: Kubernetes, namespace: string) {
  const changes: ListChange<string>[] = [];
  const list: KeptList<string> = keepList<KubernetesObject, string>(kubernetes, {
    kind: pods,
    namespace,
    pageSize: 7,
    project: ({ metadata }) => metadata.labels?.["color"] ?? "none",
    // A deletion is told twice by the API server: as a change, with its time, and when it is done.
    same: (a, b) => a === b,
    onChange: (change) => changes.push(change),
  });
  stack.push({ [Symbol.asyncDispose]: () => list.close() });
  const told = (type: string): string[] => changes.filter((change) => change.type === type).map(({ key }) => key);
  return { list, changes, told };
}
/** For a wait that is given up: what there is. */
function stateOf(what: object | (() => object)): { readonly state: () => Promise<string> } {
  return { state: () => Promise.resolve(inspect(typeof what === "function" ? what() : what)) };
}
async function namespace(name: string): Promise<string> {
  await api.apply(`apiVersion: v1\nkind: Namespace\nmetadata: { name: ${name} }\n`);
  return name;
}
/** Pods of no node go at once. */
const remove = (space: string, name: string): Promise<void> =>
  admin.delete(pods, { namespace: space, name }, { gracePeriodSeconds: 0 });

/** Forwards bytes to the API server, and breaks every connection each `everyMs`. */
async function cuttingProxy(everyMs: number): Promise<{ readonly port: number; readonly cuts: () => number }> {
  const target = new URL(api.server);
  const sockets = new Set<Socket>();
  let cuts = 0;
  const server = createServer((near) => {
    const far = connect(Number(target.port), target.hostname);
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(from);
      from.on("error", () => to.destroy());
      from.on("close", () => {
        sockets.delete(from);
        to.destroy();
      });
      from.pipe(to);
    }
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const timer = setInterval(() => {
    cuts += 1;
    for (const socket of sockets) socket.resetAndDestroy();
  }, everyMs);
  stack.push({
    async [Symbol.asyncDispose]() {
      clearInterval(timer);
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  });
  return { port: (server.address() as AddressInfo).port, cuts: () => cuts };
}

describe.skipIf(missing !== undefined)(`the Kubernetes client and a real API server${reason}`, () => {
  it("creates, reads, lists in pages, follows, patches, deletes", async () => {
    const space = await namespace("basics");
    for (let i = 0; i < 20; i += 1) await admin.create(pods, { namespace: space }, podOf(space, `p${i}`));
    const { list, told, changes } = follow(admin, space);
    await list.synced;
    expect(told("added").length).toBe(20);
    await admin.patch(pods, { namespace: space, name: "p0" }, { metadata: { labels: { color: "red" } } });
    await remove(space, "p1");
    await until("the changes to be told", () => Promise.resolve(changes.length >= 22), stateOf(changes));
    expect(changes).toHaveLength(22);
    expect(changes.slice(20)).toEqual([
      { type: "changed", key: `${space}/p0`, value: "red", previous: "none" },
      { type: "deleted", key: `${space}/p1`, previous: "none" },
    ]);
    expect((await admin.list(pods, { namespace: space, labelSelector: "color=red" })).items.length).toBe(1);
    expect(await failure(admin.get(pods, { namespace: space, name: "p1" }))).toMatchObject({ code: "NOT_FOUND" });
    expect(await failure(admin.create(pods, { namespace: space }, podOf(space, "p0")))).toMatchObject({
      code: "ALREADY_EXISTS",
    });
    const stale = await admin.get(pods, { namespace: space, name: "p2" });
    await admin.patch(pods, { namespace: space, name: "p2" }, { metadata: { labels: { color: "blue" } } });
    expect(await failure(admin.update(pods, { namespace: space, name: "p2" }, stale))).toMatchObject({
      code: "CONFLICT",
    });
    expect(
      await failure(admin.delete(pods, { namespace: space, name: "p3" }, { uid: "another", gracePeriodSeconds: 0 })),
    ).toMatchObject({ code: "CONFLICT" });
  });

  it("lists anew when the version was compacted away (410), and tells what happened meanwhile", async () => {
    const space = await namespace("compacted");
    await admin.create(pods, { namespace: space }, podOf(space, "stays"));
    await admin.create(pods, { namespace: space }, podOf(space, "goes"));
    const old = await admin.list(pods, { namespace: space });
    const { list, changes, told } = follow(admin, space);
    await list.synced;
    await remove(space, "goes");
    await admin.create(pods, { namespace: space }, podOf(space, "comes"));
    await until("the changes to be told", () => Promise.resolve(changes.length >= 4), stateOf(changes));
    expect(changes).toHaveLength(4);
    const etcd = `http://${new URL(api.server).hostname}:2379`;
    const newest = (await admin.list(pods, { namespace: space })).resourceVersion;
    const compaction = await fetch(`${etcd}/v3/kv/compaction`, {
      method: "POST",
      body: JSON.stringify({ revision: newest, physical: true }),
    });
    expect(compaction.status).toBe(200);
    // A new API server has no memory of its own of what was before.
    await api.restart();
    const read = async (): Promise<void> => {
      for await (const _ of admin.watch(pods, { namespace: space, resourceVersion: old.resourceVersion })) break;
    };
    // While it still reads what there is, it may ask to come again.
    const refusal = await readUntil(
      "the API server to know its versions",
      () => failure(read()),
      ({ passing }) => !passing,
    );
    expect(refusal).toMatchObject({ code: "EXPIRED", status: 410 });

    let watches = 0;
    const after: KeptList<string> = keepList<KubernetesObject, string>(
      {
        pages: (kind, o) => admin.pages(kind, o),
        // As if this watch had been away since the old version.
        watch(kind, o) {
          watches += 1;
          return admin.watch(kind, watches === 1 ? { ...o, resourceVersion: old.resourceVersion } : o);
        },
      },
      { kind: pods, namespace: space, project: ({ metadata }) => metadata.name, onChange: () => {} },
    );
    stack.push({ [Symbol.asyncDispose]: () => after.close() });
    await until(
      "a second list",
      () => Promise.resolve(after.state().lists >= 2),
      stateOf(() => after.state()),
    );
    expect(after.state().lists).toBe(2);
    expect([...after.values()].toSorted((a, b) => a.localeCompare(b))).toEqual(["comes", "stays"]);

    // The list that was followed all the time went on through the restart.
    await admin.create(pods, { namespace: space }, podOf(space, "last"));
    await until(
      "the last pod",
      () => Promise.resolve(list.get(`${space}/last`) !== undefined),
      stateOf(() => list.state()),
    );
    expect(told("added").toSorted()).toEqual(["comes", "goes", "last", "stays"].map((name) => `${space}/${name}`));
  });

  it("says which RBAC rule is missing, for all namespaces and for one", async () => {
    const alice = await client(await api.kubeconfigFor("alice"));
    stack.push({ [Symbol.asyncDispose]: async () => alice.close() });
    const everywhere = await failure(alice.list(pods));
    expect(everywhere.message).toBe(
      'list pods: pods is forbidden: User "alice" cannot list resource "pods" in API group "" at the cluster scope',
    );
    expect(everywhere.advice).toBe(
      'Grant it: a ClusterRole with the rule {apiGroups: [""], resources: ["pods"], verbs: ["list"]}, ' +
        "bound to user alice by a ClusterRoleBinding.",
    );
    expect((await failure(alice.list(pods, { namespace: "default" }))).advice).toMatch(
      /^Grant it: a Role in namespace default with the rule .* by a RoleBinding\.$/,
    );
    expect(await mayI(alice, { verb: "list", resource: "pods" })).toBe(false);
    expect(await mayI(admin, { verb: "list", resource: "pods" })).toBe(true);
  });

  it("takes the new token when the file rotates, and knows whose tokens are", async () => {
    const space = await namespace("tokens");
    for (const name of ["one", "two"]) await api.kubectl(["create", "serviceaccount", name, "-n", space]);
    const tokenOf = async (name: string): Promise<string> =>
      (await api.kubectl(["create", "token", name, "-n", space])).trim();
    await using folder = await temporaryFolder("waybill-token-");
    const file = join(folder.path, "token");
    await writeFile(file, "not.a.token");
    const connection = await adminConnection();
    const { server } = connection;
    const { certificateAuthority = "" } = await connection.credentials();
    const robot = createKubernetes(
      connectionOf({ server, certificateAuthority: { data: certificateAuthority }, token: { file } }),
    );
    stack.push({ [Symbol.asyncDispose]: async () => robot.close() });
    expect(await failure(robot.list(pods, { namespace: space }))).toMatchObject({ code: "UNAUTHORIZED" });
    // As kubelet does it: another file is put in place.
    await writeFile(`${file}.new`, await tokenOf("one"));
    await rename(`${file}.new`, file);
    expect((await failure(robot.list(pods, { namespace: space }))).message).toContain(`serviceaccount:${space}:one`);
    expect(await reviewToken(admin, await tokenOf("two"))).toMatchObject({
      username: `system:serviceaccount:${space}:two`,
    });
    expect(await reviewToken(admin, "not.a.token")).toBeUndefined();
    expect(await reviewToken(admin, await tokenOf("two"), { audiences: ["elsewhere"] })).toBeUndefined();
  });

  it("does not talk to a server whose certificate it does not trust", async () => {
    const { server } = await adminConnection();
    const wary = createKubernetes({ server, credentials: () => Promise.resolve({ token: "secret" }) });
    stack.push({ [Symbol.asyncDispose]: async () => wary.close() });
    const error = await failure(wary.list(pods));
    expect(error.code).toBe("CERTIFICATE");
    expect(error.advice).toMatch(/certificate authority/);
  });

  it("says which field whose manager owns when two apply, and takes it by force", async () => {
    const space = await namespace("apply");
    const place = { namespace: space, name: "settings" };
    const map = (data: Record<string, string>) => ({
      apiVersion: "v1",
      kind: "ConfigMap",
      metadata: { ...place },
      data,
    });
    await admin.apply(configMaps, place, map({ color: "red" }), { fieldManager: "first" });
    const before = await admin.get(configMaps, place);
    await admin.apply(configMaps, place, map({ color: "red" }), { fieldManager: "first" });
    expect((await admin.get(configMaps, place)).metadata.resourceVersion).toBe(before.metadata.resourceVersion);
    const conflict = await failure(admin.apply(configMaps, place, map({ color: "blue" }), { fieldManager: "second" }));
    expect(conflict).toMatchObject({ code: "CONFLICT", causes: [{ manager: "first", field: ".data.color" }] });
    await admin.apply(configMaps, place, map({ color: "blue" }), { fieldManager: "second", force: true });
    expect(await admin.get(configMaps, place)).toMatchObject({ data: { color: "blue" } });
    const wrong = { ...map({}), colour: "red" };
    expect(await failure(admin.apply(configMaps, place, wrong, { fieldManager: "second" }))).toMatchObject({
      code: "INVALID",
      passing: false,
    });
  });

  it("loses nothing over a minute in which every connection is cut each second", async () => {
    const space = await namespace("churn");
    const proxy = await cuttingProxy(1_000);
    const connection = await adminConnection();
    const cut = createKubernetes({
      ...connection,
      server: `https://127.0.0.1:${proxy.port}`,
      serverName: "kubernetes",
    });
    stack.push({ [Symbol.asyncDispose]: async () => cut.close() });
    const { list, told, changes } = follow(cut, space);
    await list.synced;
    const created: string[] = [];
    const deleted: string[] = [];
    const end = performance.now() + 60_000;
    for (let i = 0; performance.now() < end || proxy.cuts() <= 50; i += 1) {
      const name = `p${i}`;
      await admin.create(pods, { namespace: space }, podOf(space, name));
      created.push(`${space}/${name}`);
      // Most are gone soon after: only a watch that goes on where it ended hears of them.
      if (i % 4 !== 0) {
        await remove(space, name);
        deleted.push(`${space}/${name}`);
      }
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    const allTold = (): boolean => told("deleted").length >= deleted.length && told("added").length >= created.length;
    await until(
      "everything to be told",
      () => Promise.resolve(allTold()),
      stateOf(() => list.state()),
    );
    expect(told("added")).toEqual(created);
    expect(told("deleted")).toEqual(deleted);
    expect(list.state()).toMatchObject({ items: created.length - deleted.length, lists: 1 });
    console.log(
      `${created.length} pods created, ${deleted.length} deleted, ${changes.length} changes, ${proxy.cuts()} cuts`,
    );
  });
});
