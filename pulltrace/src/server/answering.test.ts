import { access, createTokenAuthority } from "@waybill/foundation/auth";
import { describe, expect, it } from "vitest";
import type { ColdStart, ImageList, PullStatus, ReportedLayer } from "../contract/index.ts";
import { createBoard } from "./board.ts";
import { defaultLimits } from "./limits.ts";
import { createRegistryWatch } from "./registry-watch.ts";
import { faultsOf } from "./testing/event-schema.ts";
import { layerOf, noon, pullOf, reportOf } from "./testing/reports.ts";
import { runningServer } from "./testing/running-server.ts";

const MiB = 1024 * 1024;
const large = (number: number, mebibytes: number, there: number, more: Partial<ReportedLayer> = {}): ReportedLayer =>
  layerOf(number, there * MiB, {
    totalBytes: mebibytes * MiB,
    phase: there >= mebibytes ? "downloaded" : "downloading",
    ...more,
  });

/** A board whose nodes report each second what `pulls` says of them. */
function playedBoard(tenantOf: (ref: string) => string | undefined = () => undefined) {
  let now = noon;
  const events: unknown[] = [];
  const board = createBoard({
    historyTtlMs: 3_600_000,
    tenantOf,
    limits: defaultLimits,
    clock: () => now,
    listener: {
      emitted: (emissions) => events.push(...emissions.map(({ event }) => event)),
      arrived: () => {},
      dropped: () => {},
    },
  });
  return {
    board,
    events,
    /** Reports for `seconds`, one of each node every second. */
    play: (seconds: number, pulls: (second: number) => Parameters<typeof reportOf>[0], nodes = ["node-1"]): void => {
      for (let second = 1; second <= seconds; second += 1) {
        now += 1_000;
        for (const nodeName of nodes) {
          board.report(reportOf(pulls(second), { nodeName, timestamp: new Date(now).toISOString() }));
        }
      }
    },
    pull: (id = 0): PullStatus => board.pulls({})[id]!,
    now: () => now,
  };
}

describe("a pull on the board", () => {
  it("has a time left that counts unpacking, and no event is told because time alone passed", () => {
    const { play, pull, events, now } = playedBoard();
    play(1, () => []);
    play(10, (second) => [pullOf([large(1, 100, second * 5)])]);
    const left = (Date.parse(pull().timeLeft!.endsAt) - now()) / 1_000;
    // 50 MiB at 5 MiB/s, then 100 MiB at a typical speed, below 2 s.
    expect(left).toBeGreaterThan(9);
    expect(left).toBeLessThan(14);
    play(10, (second) => [pullOf([large(1, 100, 50 + second * 5)])]);
    expect(pull().phase).toBe("downloading");
    play(2, () => [pullOf([large(1, 100, 100, { phase: "unpacking" })], { phase: "unpacking" })]);
    const told = events.length;
    const { timeLeft } = pull();
    play(1, () => [pullOf([large(1, 100, 100, { phase: "unpacking" })], { phase: "unpacking" })]);
    expect(pull().timeLeft).toEqual(timeLeft);
    expect(events).toHaveLength(told);
    expect(events.flatMap(faultsOf)).toEqual([]);
  });

  it("learns how fast the node unpacks, and reckons with it for the next image", () => {
    const { play, pull, now } = playedBoard();
    const begin = () => ({ startedAt: new Date(now()).toISOString() });
    play(1, () => []);
    play(10, (second) => [pullOf([large(1, 100, second * 10 - 1)])]);
    const arrived = new Date(now()).toISOString();
    // 100 MiB in some 20 s: 5 MiB/s.
    play(20, () => [
      pullOf([large(1, 100, 100, { phase: "unpacking", completedAt: arrived })], { phase: "unpacking" }),
    ]);
    const over = pullOf([large(1, 100, 100, { phase: "done", completedAt: arrived })], { phase: "done" });
    play(1, () => [over]);
    expect(pull()).toMatchObject({ phase: "done", cause: { kind: "unpack" } });
    expect(pull().layers[0]).toMatchObject({ downloadedAt: arrived });
    expect(Date.parse(pull().layers[0]!.completedAt!) - Date.parse(arrived)).toBeGreaterThan(19_000);
    const more = { id: "p2", ...begin() };
    play(5, (second) => [over, pullOf([large(2, 100, second * 10)], more)]);
    const { endsAt, basis } = pull().timeLeft!;
    expect(basis).toBe("node");
    const left = (Date.parse(endsAt) - now()) / 1_000;
    expect(left).toBeGreaterThan(22);
    expect(left).toBeLessThan(29);
  });

  it("says for which pull a layer waits, and names only an image of the same tenant", () => {
    const tenantOf = (ref: string) => /team-\w/.exec(ref)?.[0];
    const waiting = (waitsFor: string) => pullOf([large(1, 100, 5, { waitsFor })], { id: "waits" });
    const other = (imageRef: string) => pullOf([large(1, 100, 5), large(2, 50, 1)], { id: "writes", imageRef });
    for (const [imageRef, wait] of [
      ["r.example/team-a/base:1", { imageRef: "r.example/team-a/base:1" }],
      ["r.example/team-b/base:1", {}],
    ] as const) {
      const { play, board } = playedBoard(tenantOf);
      play(9, () => [waiting("writes"), other(imageRef)]);
      const all = board.pulls({});
      const writes = all.find((pull) => pull.imageRef === imageRef)!;
      const waits = all.find((pull) => pull.imageRef !== imageRef)!;
      expect(waits.layers[0]?.waitsFor).toEqual({ pullId: writes.id, ...wait });
      expect(waits.cause?.kind).toBe("other-pull");
      expect(JSON.stringify(waits).includes("base")).toBe("imageRef" in wait);
      expect(writes.layers.some(({ waitsFor }) => waitsFor !== undefined)).toBe(false);
    }
  });

  it("ignores waits for a pull that is not reported, is over, or is itself", () => {
    const { play, pull, events } = playedBoard();
    play(2, () => [pullOf([large(1, 100, 5, { waitsFor: "nobody" })])]);
    expect(pull().layers[0]).not.toHaveProperty("waitsFor");
    const over = pullOf([], { id: "over", phase: "failed", error: "gone" });
    play(2, () => [pullOf([large(1, 100, 5, { waitsFor: "over" })]), over]);
    expect(pull().layers[0]).not.toHaveProperty("waitsFor");
    play(2, () => [pullOf([large(1, 100, 5, { waitsFor: "p1" })])]);
    expect(pull().layers[0]).not.toHaveProperty("waitsFor");
    expect(events.flatMap(faultsOf)).toEqual([]);
  });

  it("loses cause and time left when its node falls silent", () => {
    const { play, pull, board } = playedBoard();
    play(10, (second) => [pullOf([large(1, 1_000, second * 5)])]);
    expect(pull()).toHaveProperty("timeLeft");
    board.sweep(10_000);
    expect(pull()).not.toHaveProperty("timeLeft");
    expect(pull()).not.toHaveProperty("cause");
  });
});

describe("registries, seen from other nodes", () => {
  it("are counted by what each node said last, without the node that asks", () => {
    const watch = createRegistryWatch();
    watch.note("a", [{ host: "r", slow: true }]);
    watch.note("b", [
      { host: "r", slow: false },
      { host: "s", slow: false },
    ]);
    expect(watch.others("a", "r")).toEqual({ nodes: 1, slow: 0 });
    expect(watch.others("c", "r")).toEqual({ nodes: 2, slow: 1 });
    watch.note("b", [{ host: "r", slow: true }]);
    expect([watch.others("a", "r"), watch.others("a", "s")]).toEqual([
      { nodes: 1, slow: 1 },
      { nodes: 0, slow: 0 },
    ]);
    watch.note("a", []);
    watch.note("b", []);
    expect(watch.others("c", "r")).toEqual({ nodes: 0, slow: 0 });
  });

  it("are the cause when several nodes get less from them than they did", () => {
    const { play, board } = playedBoard();
    const nodes = ["node-1", "node-2", "node-3"];
    const layers = (there: number) => [1, 2, 3, 4].map((number) => large(number, 2_000, there));
    play(30, (second) => [pullOf(layers(second * 10))], nodes);
    // 40 MiB/s becomes 2 MiB/s.
    play(60, (second) => [pullOf(layers(300 + second / 2))], nodes);
    for (const { cause } of board.pulls({})) {
      expect(cause).toMatchObject({ kind: "registry" });
      expect(cause?.sentence).toContain("registry.example:5000 sends slowly");
      expect(cause?.sentence).toContain("2 of 2 other nodes");
    }
  });
});

describe("GET /api/v1/images and cold starts", () => {
  const ref = (name: string) => `registry.example:5000/${name}/shop:1.0`;
  const coldStart = (imageRef: string) => `/api/v1/images/${encodeURIComponent(imageRef)}/cold-start`;

  it("give every image with its nodes, and what it takes on a node that has nothing of it", async () => {
    const running = await runningServer();
    await running.post(reportOf([pullOf([large(1, 100, 10), large(2, 10, 10)], { imageRef: ref("acme") })]));
    const { images, serverTime } = (await (await running.get("/api/v1/images")).json()) as ImageList;
    expect(images).toMatchObject([
      { imageRef: ref("acme"), nodesPulling: 1, nodesWithImage: 0, slowest: { nodeName: "node-1" } },
    ]);
    expect(Date.parse(serverTime)).toBe(noon);
    for (const path of [coldStart(ref("acme")), `/api/v1/images/${ref("acme")}/cold-start`]) {
      const answer = await running.get(path);
      expect(answer.status).toBe(200);
      expect((await answer.json()) as ColdStart).toMatchObject({
        imageRef: ref("acme"),
        totalBytes: 110 * MiB,
        heaviest: 1,
        basis: "typical",
      });
    }
    const unknown = await running.get(coldStart("r.example/who:1"));
    expect(unknown.status).toBe(404);
    expect(await unknown.json()).toMatchObject({ code: "PT-404" });
    expect((await running.get(`/api/v1/images?node=${"n".repeat(254)}`)).status).toBe(400);
  });

  it("show a tenant its own images only, and strangers nothing", async () => {
    const authority = createTokenAuthority({ key: new Uint8Array(32).fill(7) });
    const running = await runningServer({
      tenants: { known: (name) => name.startsWith("team-") },
      authenticator: authority.authenticator,
    });
    const claims = { subject: "x", roles: ["readOnly" as const], tenant: "team-a", ttlSeconds: 60 };
    const bound = { authorization: `Bearer ${(await authority.issue(claims)).token}` };
    await running.post(
      reportOf([
        pullOf([large(1, 100, 10)], { id: "a", imageRef: ref("team-a") }),
        pullOf([large(2, 100, 10)], { id: "b", imageRef: ref("team-b") }),
      ]),
    );
    await running.post(reportOf([], { nodeName: "secret-node" }));
    const seen = (await (await running.get("/api/v1/images", bound)).json()) as ImageList;
    expect(seen.images.map(({ imageRef, tenant }) => [imageRef, tenant])).toEqual([[ref("team-a"), "team-a"]]);
    expect((await running.get(coldStart(ref("team-a")), bound)).status).toBe(200);
    expect((await running.get(coldStart(ref("team-b")), bound)).status).toBe(404);
    for (const path of ["/api/v1/images", coldStart(ref("team-a"))]) expect((await running.get(path)).status).toBe(401);
    const rows = running.server.group.routes.filter(({ path }) => path.startsWith("/api/v1/images"));
    expect(rows.map((row) => row.access)).toEqual([access.everyone, access.everyone]);
  });
});
