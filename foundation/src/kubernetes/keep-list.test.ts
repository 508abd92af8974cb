import * as fc from "fast-check";
import { afterEach, describe, expect, it } from "vitest";
import { startFakeApiServer, type FakeApiServer } from "../testing/index.ts";
import { createKubernetes, type Kubernetes } from "./client.ts";
import { keepList, type KeepListOptions, type KeptList, type ListChange } from "./keep-list.ts";
import type { KubernetesError } from "./kubernetes-error.ts";
import { pods, type KubernetesObject } from "./resource.ts";

interface Pod extends KubernetesObject {
  readonly color?: string;
}
const pod = (name: string, color: string, namespace = "a"): Pod => ({ metadata: { name, namespace }, color });

const stack: AsyncDisposable[] = [];
afterEach(async () => {
  for (const one of stack.splice(0).toReversed()) await one[Symbol.asyncDispose]();
});

const quick = { firstRetryMs: 5, longestRetryMs: 50, goodWatchMs: 20, silenceMs: 60_000, watchSeconds: 60 };

async function fake(): Promise<{ server: FakeApiServer; kubernetes: Kubernetes }> {
  const server = await startFakeApiServer();
  stack.push(server);
  const kubernetes = createKubernetes({ server: server.url, credentials: () => Promise.resolve({}) });
  stack.push({ [Symbol.asyncDispose]: async () => kubernetes.close() });
  return { server, kubernetes };
}

/** A kept list of colours, a mirror made only of its changes, and what went wrong. */
function keep(kubernetes: Kubernetes, more: Partial<KeepListOptions<Pod, string>> = {}) {
  const changes: ListChange<string>[] = [];
  const mirror = new Map<string, string>();
  const faults: Error[] = [];
  const list: KeptList<string> = keepList<Pod, string>(kubernetes, {
    kind: pods,
    project: ({ color }) => color,
    onChange(change) {
      changes.push(change);
      if (change.type === "deleted") mirror.delete(change.key);
      else mirror.set(change.key, change.value);
    },
    onTrouble: (error) => faults.push(error),
    timing: quick,
    ...more,
  });
  stack.push({ [Symbol.asyncDispose]: () => list.close() });
  return { list, changes, mirror, faults };
}

async function until(done: () => boolean): Promise<void> {
  const end = performance.now() + 45_000;
  while (!done()) {
    if (performance.now() > end) throw new Error("waited 45 s in vain");
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

describe("keepList", () => {
  it("lists in pages, then follows", async () => {
    const { server, kubernetes } = await fake();
    for (let i = 0; i < 25; i += 1) server.put("pods", pod(`p${i}`, "red"));
    const { list, mirror, changes } = keep(kubernetes, { pageSize: 10 });
    await list.synced;
    expect(mirror.size).toBe(25);
    expect(server.requests.filter(({ url }) => !url.includes("watch")).length).toBe(3);
    await until(() => server.openWatches() === 1);
    server.put("pods", pod("p0", "blue"));
    server.remove("pods", "a/p1");
    server.put("pods", pod("new", "green", "b"));
    await until(() => changes.length === 28);
    expect(changes.slice(25)).toEqual([
      { type: "changed", key: "a/p0", value: "blue", previous: "red" },
      { type: "deleted", key: "a/p1", previous: "red" },
      { type: "added", key: "b/new", value: "green" },
    ]);
    expect(list.get("b/new")).toBe("green");
    expect(list.state()).toMatchObject({ synced: true, lists: 1, items: 25 });
  });

  it("goes on where a broken watch ended, without a new list", async () => {
    const { server, kubernetes } = await fake();
    server.trouble.cutAfterEvents = 3;
    const { list, mirror } = keep(kubernetes);
    await list.synced;
    for (let i = 0; i < 50; i += 1) {
      server.put("pods", pod(`p${i % 20}`, `c${i}`));
      if (i % 7 === 0) server.cutWatches();
      if (i % 10 === 0) await new Promise((resolve) => setTimeout(resolve, 15));
    }
    await until(() => mirror.get("a/p9") === "c49" && mirror.size === 20);
    expect(list.state().lists).toBe(1);
    expect(list.state().watches).toBeGreaterThan(10);
  });

  it("lists anew after 410 and tells what was deleted meanwhile", async () => {
    const { server, kubernetes } = await fake();
    server.put("pods", pod("stays", "red"));
    server.put("pods", pod("goes", "red"));
    const { list, changes } = keep(kubernetes);
    await list.synced;
    await until(() => server.openWatches() === 1);
    server.cutWatches();
    server.remove("pods", "a/goes");
    server.put("pods", pod("comes", "red"));
    server.compact();
    await until(() => list.state().lists === 2);
    expect(changes.slice(2)).toEqual([
      { type: "deleted", key: "a/goes", previous: "red" },
      { type: "added", key: "a/comes", value: "red" },
    ]);
  });

  it("begins a list anew that expires between its pages", async () => {
    const { server, kubernetes } = await fake();
    for (let i = 0; i < 9; i += 1) server.put("pods", pod(`p${i}`, "red"));
    const { list, mirror, faults } = keep(kubernetes, { pageSize: 3 });
    server.trouble.onRequest = (count) => {
      if (count === 2) server.compact();
    };
    await list.synced;
    expect(mirror.size).toBe(9);
    expect(faults).toEqual([]);
    expect(server.requests.filter(({ url }) => !url.includes("continue") && !url.includes("watch")).length).toBe(2);
  });

  it("takes a bookmark's version, so that an old one is not needed any more", async () => {
    const { server, kubernetes } = await fake();
    server.trouble.bookmarkMs = 10;
    const { list } = keep(kubernetes, { namespace: "a" });
    await list.synced;
    await until(() => server.openWatches() === 1);
    server.put("pods", pod("elsewhere", "red", "b"));
    server.put("pods", pod("elsewhere", "blue", "b"));
    // A watch that lives until a bookmark has come is followed by one from there; how long that takes is not known.
    for (let watch = 2; server.requests.at(-1)?.url.includes("resourceVersion=102&") !== true; watch += 1) {
      await new Promise((resolve) => setTimeout(resolve, 100));
      server.cutWatches();
      await until(() => list.state().watches >= watch && server.openWatches() === 1);
    }
    expect(list.state().lists).toBe(1);
  });

  it("notices a peer that is half dead, and leaves one alone that is merely idle", async () => {
    const { server, kubernetes } = await fake();
    server.trouble.bookmarkMs = 40;
    // A hundred times what lies between two bookmarks: this process may stand still for a while, and with it both sides.
    const { list } = keep(kubernetes, { timing: { ...quick, silenceMs: 4_000 } });
    await list.synced;
    await new Promise((resolve) => setTimeout(resolve, 5_000));
    expect(list.state().watches).toBe(1);
    server.trouble.silent = true;
    await until(() => list.state().watches >= 2);
    server.trouble.silent = false;
    server.put("pods", pod("after", "red"));
    await until(() => list.get("a/after") === "red");
    expect(list.state().lists).toBe(1);
  });

  it("waits through errors, garbage, and events that are too large", async () => {
    const { server, kubernetes } = await fake();
    server.trouble.answers.push(
      { status: 500, body: { message: "etcd is away" } },
      { status: 429, headers: { "retry-after": "0" } },
      { status: 200, body: "<html>" },
      { status: 403, body: { message: 'pods is forbidden: User "u" cannot list resource "pods" in API group ""' } },
      { status: 200, body: { items: "no list", metadata: { resourceVersion: "1" } } },
    );
    const { list, faults, mirror } = keep(kubernetes);
    await list.synced;
    expect(faults.map((error) => (error as KubernetesError).code)).toEqual([
      "UNAVAILABLE",
      "THROTTLED",
      "BAD_ANSWER",
      "FORBIDDEN",
      "BAD_ANSWER",
    ]);
    const bad = [
      "no json",
      "{}",
      '{"type":"SOMETHING","object":{}}',
      '{"type":"ADDED","object":{}}',
      '{"type":"ERROR","object":{"code":500,"message":"storage is away"}}',
      `{"type":"ADDED","object":"${"x".repeat(9 * 1024 * 1024)}"}`,
    ];
    for (const line of bad) {
      const before = faults.length;
      server.trouble.lines.push(line);
      server.cutWatches();
      await until(() => faults.length > before);
    }
    server.put("pods", pod("after", "red"));
    await until(() => mirror.get("a/after") === "red");
    expect(list.state().trouble).toBeUndefined();
  });

  it("keeps only what the projection gives, and hears no change that is none", async () => {
    const { server, kubernetes } = await fake();
    const { list, changes } = keep(kubernetes, {
      project: ({ color }) => (color === "none" ? undefined : color),
      same: (a, b) => a === b,
    });
    await list.synced;
    await until(() => server.openWatches() === 1);
    for (const color of ["none", "red", "red", "none"]) server.put("pods", pod("p", color));
    server.put("pods", pod("q", "red"));
    await until(() => list.get("a/q") === "red");
    expect(changes.map(({ type, key }) => `${type} ${key}`)).toEqual(["added a/p", "deleted a/p", "added a/q"]);
  });

  it("goes on when the listener throws, and says so", async () => {
    const { server, kubernetes } = await fake();
    server.put("pods", pod("p", "red"));
    const { list, faults } = keep(kubernetes, {
      onChange() {
        throw new Error("listener");
      },
    });
    await list.synced;
    expect(faults.map(({ message }) => message)).toEqual(["listener"]);
    expect(list.get("a/p")).toBe("red");
  });

  it("ends while it waits for an API server that is not there", async () => {
    const kubernetes = createKubernetes({ server: "http://127.0.0.1:9", credentials: () => Promise.resolve({}) });
    const { list, faults } = keep(kubernetes, { timing: { ...quick, firstRetryMs: 60_000, longestRetryMs: 60_000 } });
    await until(() => faults.length === 1);
    expect(faults[0]).toMatchObject({ code: "UNREACHABLE" });
    await list.close();
    expect(list.state()).toMatchObject({ synced: false, items: 0 });
  });

  it("ends with the API server's state, whatever happens on the way", async () => {
    const step = fc.oneof(
      {
        weight: 8,
        arbitrary: fc.record({ put: fc.integer({ min: 0, max: 5 }), color: fc.constantFrom("r", "g", "b") }),
      },
      { weight: 3, arbitrary: fc.record({ remove: fc.integer({ min: 0, max: 5 }) }) },
      { weight: 2, arbitrary: fc.constantFrom("cut", "compact", "error", "pause", "garbage") },
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
        const { server, kubernetes } = await fake();
        const { list, mirror } = keep(kubernetes, { pageSize: 2 });
        const truth = new Map<string, string>();
        for (const one of steps) {
          if (one === "cut") server.cutWatches();
          else if (one === "compact") {
            server.compact();
            server.cutWatches();
          } else if (one === "error") server.trouble.answers.push({ status: 500 });
          else if (one === "garbage") server.trouble.lines.push("garbage");
          else if (one === "pause") await new Promise((resolve) => setTimeout(resolve, 10));
          else if (typeof one === "string") throw new Error(one);
          else if ("put" in one) {
            truth.set(`a/p${one.put}`, one.color);
            server.put("pods", pod(`p${one.put}`, one.color));
          } else {
            truth.delete(`a/p${one.remove}`);
            server.remove("pods", `a/p${one.remove}`);
          }
        }
        truth.set("a/last", "x");
        server.put("pods", pod("last", "x"));
        await until(() => mirror.get("a/last") === "x");
        expect(Object.fromEntries(mirror)).toEqual(Object.fromEntries(truth));
        expect([...list.values()].toSorted()).toEqual([...truth.values()].toSorted());
        await list.close();
        kubernetes.close();
        await server[Symbol.asyncDispose]();
      }),
      { numRuns: 40 },
    );
  });
});
