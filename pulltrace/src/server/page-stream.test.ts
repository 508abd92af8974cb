import { describe, expect, it } from "vitest";
import { createTokenAuthority } from "@waybill/foundation/auth";
import { type PageUpdate, type PullRow, sumWaits } from "../contract/index.ts";
import { createPageBroadcast } from "./page-broadcast.ts";
import { pageViewOf, rowChange } from "./page-view.ts";
import { readEvents, numberIn, type Message } from "./testing/event-reader.ts";
import { layerOf, pullOf, reportOf } from "./testing/reports.ts";
import { runningServer } from "./testing/running-server.ts";

const updatesIn = (messages: readonly Message[]): readonly PageUpdate[] =>
  messages.filter(({ event }) => event === "page").map(({ data }) => JSON.parse(data) as PageUpdate);

/** What a page shows that applied all updates. */
function shown(updates: readonly PageUpdate[]): readonly PullRow[] {
  let rows = new Map<string, PullRow>();
  let order: readonly string[] = [];
  for (const update of updates) {
    if (update.kind === "snapshot") rows = new Map();
    for (const row of update.rows) {
      const merged: Record<string, unknown> = { ...rows.get(row.id), ...row };
      for (const [field, value] of Object.entries(merged)) if (value === null) delete merged[field];
      rows.set(row.id, merged as unknown as PullRow);
    }
    order = update.order ?? order;
  }
  return order.map((id) => rows.get(id)!);
}
/** Without what a page gets on request only, and without the time of the last report, which alone is no news. */
const asRows = (pulls: readonly object[]): readonly object[] =>
  pulls.map((pull) =>
    Object.fromEntries(Object.entries(pull).filter(([name]) => name !== "layers" && name !== "updatedAt")),
  );
const at = (seconds: number): string => new Date(Date.UTC(2026, 10, 21, 11, 59, seconds)).toISOString();

describe("the stream of what a page shows", () => {
  it("begins with the first rows and sums over all, and tells what changes until both are as the list says", async () => {
    const running = await runningServer();
    const pulls = Array.from({ length: 9 }, (_, index) =>
      pullOf([layerOf(1, 0)], { id: `p${index}`, startedAt: at(index), imageRef: `r.example/team/app-${index}:1` }),
    );
    await running.post(reportOf(pulls));
    const reader = await readEvents(running.url, { query: "?view=page&rows=5" });
    await reader.until((messages) => updatesIn(messages).length === 1);
    expect(updatesIn(reader.messages)[0]).toMatchObject({
      kind: "snapshot",
      summary: { activePulls: 9, finishedPulls: 0, failedPulls: 0, nodes: 1, pullingNodes: 1, silentNodes: 0 },
    });
    expect(shown(updatesIn(reader.messages)).map(({ imageRef }) => imageRef.slice(-5))).toEqual(
      ["8", "7", "6", "5", "4"].map((number) => `p-${number}:1`),
    );

    running.pass(2_000);
    const done = pullOf([layerOf(1, 1_000)], { ...pulls[8], phase: "failed", error: "not found" });
    await running.post(reportOf([...pulls.slice(1, 8), pullOf([layerOf(1, 400)], { ...pulls[0] }), done]));
    await reader.until((messages) => updatesIn(messages).at(-1)?.summary.failedPulls === 1);
    const updates = updatesIn(reader.messages);
    expect(updates.slice(1).map(({ kind }) => kind)).toEqual(updates.slice(1).map(() => "changes"));
    expect(asRows(shown(updates))).toEqual(asRows((await running.list()).pulls.slice(0, 5)));
    expect(updates.at(-1)!.summary).toMatchObject({ activePulls: 8, finishedPulls: 1 });
    expect(reader.messages.map(({ id }) => numberIn(id))).toEqual(reader.messages.map((_, index) => index + 1));
    await reader.close();
  });

  it("says nothing while nothing changes, though reports come", async () => {
    const running = await runningServer();
    const reader = await readEvents(running.url, { query: "?view=page" });
    await running.post(reportOf([pullOf([])]));
    await reader.until((messages) => updatesIn(messages).length === 2);
    for (let report = 0; report < 3; report += 1) {
      running.pass(1_000);
      await running.post(reportOf([pullOf([])]));
    }
    await running.post(reportOf([pullOf([]), pullOf([], { id: "p2" })]));
    await reader.until((messages) => updatesIn(messages).at(-1)?.summary.activePulls === 2);
    expect(updatesIn(reader.messages)).toHaveLength(3);
    await reader.close();
  });

  it("shows a reader only what it may and wants to see, sums included", async () => {
    const authority = createTokenAuthority({ key: new Uint8Array(32).fill(7) });
    const running = await runningServer({
      tenants: { known: (name) => name.startsWith("team") },
      authenticator: authority.authenticator,
    });
    const { token } = await authority.issue({ subject: "x", ttlSeconds: 60, roles: ["readOnly"], tenant: "team-a" });
    const headers = { authorization: `Bearer ${token}` };
    await running.post(
      reportOf(
        ["team-a/x:1", "team-b/secret:1", "nobody/secret:1"].map((name, index) =>
          pullOf([], { id: `p${index}`, imageRef: `r.example/${name}` }),
        ),
      ),
    );
    await running.post(reportOf([pullOf([], { imageRef: "r.example/team-b/secret:1" })], { nodeName: "secret-node" }));
    await expect(readEvents(running.url, { query: "?view=page" })).rejects.toThrow(/401/);
    const reader = await readEvents(running.url, { query: "?view=page", headers });
    await reader.until((messages) => messages.length === 1);
    const [snapshot] = updatesIn(reader.messages);
    expect(snapshot).toMatchObject({ summary: { activePulls: 1, nodes: 1 }, rows: [{ tenant: "team-a" }] });
    expect(reader.messages[0]!.data).not.toContain("secret");
    await reader.close();
  });

  it("refuses a view that there is not, and rows that are no number", async () => {
    const running = await runningServer();
    for (const query of ["view=x", "view=page&rows=0", "view=page&rows=201", "view=page&rows=many"])
      expect((await running.get(`/api/v1/events?${query}`)).status).toBe(400);
  });

  it("bounds how many different filters are followed; who follows a known one gets in", async () => {
    const running = await runningServer({ limits: { streamFilters: 2 } });
    const readers = [
      await readEvents(running.url, { query: "?view=page" }),
      await readEvents(running.url, { query: "?node=a" }),
    ];
    await expect(readEvents(running.url, { query: "?node=b" })).rejects.toThrow(/503.*different filters/);
    readers.push(
      await readEvents(running.url, { query: "?view=page" }),
      await readEvents(running.url, { query: "?node=a" }),
    );
    for (const reader of readers) await reader.close();
    await expect
      .poll(() =>
        readEvents(running.url, { query: "?node=b" }).then(
          (reader) => reader.close(),
          () => "refused",
        ),
      )
      .toBeUndefined();
  });

  it("filters by namespace and image as the list does", async () => {
    const running = await runningServer();
    const refs = [
      "r.example/a/app:1",
      "r.example/a/app:2",
      "r.example/a/application:1",
      `r.example/a/app@sha256:${"a".repeat(64)}`,
    ];
    await running.post(reportOf(refs.map((imageRef, index) => pullOf([], { id: `p${index}`, imageRef }))));
    const images = async (query: string) =>
      (await running.list(query)).pulls.map(({ imageRef }) => imageRef).toSorted();
    expect(await images("?image=r.example/a/app")).toEqual([refs[0], refs[1], refs[3]]);
    expect(await images("?image=r.example/a/app:2")).toEqual([refs[1]]);
    expect(await images("?namespace=shop")).toEqual([]);
    const reader = await readEvents(running.url, { query: "?view=page&image=r.example/a/app:2" });
    await reader.until((messages) => messages.length === 1);
    expect(shown(updatesIn(reader.messages)).map(({ imageRef }) => imageRef)).toEqual([refs[1]]);
    await reader.close();
  });
});

describe("a client of the page's stream that reads slowly", () => {
  it("misses updates, which are counted, and gets one snapshot when it reads again", async () => {
    let pulls = 1;
    const summary = { finishedPulls: 0, failedPulls: 0, bytesPerSec: 0, nodes: 1, pullingNodes: 1, silentNodes: 0 };
    let skipped = 0;
    const pages = createPageBroadcast({
      viewOf: () => ({ summary: { ...summary, activePulls: pulls }, waits: sumWaits().result(), rows: [] }),
      clientBufferBytes: 10,
      clock: Date.now,
      onSkip: (updates) => (skipped += updates),
    });
    const frames: string[] = [];
    let waiting = 0;
    const leave = pages.connect(
      {
        encoding: "identity",
        send: () => true,
        sendEncoded(bytes) {
          frames.push(Buffer.from(bytes).toString());
          waiting += bytes.length;
          return false;
        },
        bufferedBytes: () => waiting,
        close() {},
      },
      {},
      50,
    );
    const turns = setInterval(() => (pulls += 1), 100);
    await expect.poll(() => skipped).toBeGreaterThanOrEqual(2);
    expect(frames).toHaveLength(1);
    waiting = 0;
    await expect.poll(() => frames.length).toBeGreaterThanOrEqual(2);
    expect(frames[1]).toContain('"kind":"snapshot"');
    clearInterval(turns);
    leave();
    expect(pages.clients()).toBe(0);
    pages.close();
  });
});

describe("pageViewOf", () => {
  it("of no nodes is empty", () => {
    expect(pageViewOf([], {}, { rows: 5, now: 0, historyTtlMs: 1 })).toMatchObject({ rows: [], summary: { nodes: 0 } });
  });
});

describe("rowChange", () => {
  it("has the fields that differ, null for one that went away, and nothing for a mere report", async () => {
    const running = await runningServer();
    await running.post(reportOf([pullOf([layerOf(1, 10)])]));
    const [pull] = (await running.list()).pulls;
    const later = { ...pull!, updatedAt: "2026-11-21T12:00:09Z" };
    expect(rowChange(pull!, later)).toBeUndefined();
    const caused = { ...later, cause: { kind: "queue", sentence: "It waits." } } as const;
    expect(rowChange(later, { ...caused, percent: 5 })).toEqual({ id: pull!.id, cause: caused.cause, percent: 5 });
    expect(rowChange(caused, later)).toEqual({ id: pull!.id, cause: null });
  });
});
