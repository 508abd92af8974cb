import { createTokenAuthority } from "@waybill/foundation/auth";
import { describe, expect, it } from "vitest";
import type { PageUpdate } from "../../contract/index.ts";
import { readEvents, type Message } from "../testing/event-reader.ts";
import { layerOf, pullOf, reportOf } from "../testing/reports.ts";
import { runningServer } from "../testing/running-server.ts";
import { failing, image, scene } from "./testing/board-scene.ts";
import { scriptedPods } from "./testing/pods.ts";

const updatesIn = (messages: readonly Message[]): readonly PageUpdate[] =>
  messages.filter(({ event }) => event === "page").map(({ data }) => JSON.parse(data) as PageUpdate);

describe("what the server tells a page of who waits", () => {
  it("is of all pulls, however few rows it tells", async () => {
    const pods = scriptedPods();
    const running = await runningServer({ pods });
    for (let node = 1; node <= 30; node += 1)
      pods.set(`node-${node}`, { waiting: [failing({ podName: `shop-${node}`, podUid: `uid-${node}` })] });
    const reader = await readEvents(running.url, { query: "?view=page&rows=1" });
    await reader.until((messages) => updatesIn(messages).length > 0);
    const [snapshot] = updatesIn(reader.messages);
    expect(snapshot?.rows).toHaveLength(1);
    expect(snapshot?.waits).toMatchObject({
      pods: 30,
      failingPods: 30,
      failures: 30,
      troubles: [{ code: "not-found", scope: "image", imageRef: image, nodes: 30, pods: 30 }],
      images: [{ imageRef: image, pods: 30, nodes: 30, failingNodes: 30 }],
    });

    // It is told again when it changes, and left out of changes of other things.
    pods.set("node-7", {});
    await reader.until((messages) => updatesIn(messages).some(({ waits }) => waits?.pods === 29));
    await running.post(reportOf([pullOf([layerOf(1, 10)])], { nodeName: "elsewhere" }));
    await reader.until((messages) => updatesIn(messages).at(-1)?.summary.activePulls === 1);
    await running.post(reportOf([], { nodeName: "elsewhere-too" }));
    await reader.until((messages) => updatesIn(messages).at(-1)?.summary.nodes === 2);
    expect(updatesIn(reader.messages).at(-1)?.waits).toBeUndefined();
    await reader.close();
  });

  it("counts what the filter lets through: of a namespace only its own pods", () => {
    const { board, waits } = scene();
    waits([failing({ namespace: "shop", podName: "a" }), failing({ namespace: "play", podName: "b", podUid: "b" })]);
    const pods = (filter: Parameters<typeof board.page>[0]) => board.page(filter, 5).waits.pods;
    expect(pods({})).toBe(2);
    expect(pods({ namespace: "shop" })).toBe(1);
    expect(pods({ namespace: "none" })).toBe(0);
    expect(pods({ nodeName: "node-2" })).toBe(0);
    expect(pods({ image })).toBe(2);
  });

  it("tells a reader who is bound to a tenant nothing of other namespaces' pods, nor of other tenants' images", async () => {
    const authority = createTokenAuthority({ key: new Uint8Array(32).fill(7) });
    const pods = scriptedPods();
    const running = await runningServer({
      pods,
      tenants: { known: (name) => name.startsWith("team") },
      authenticator: authority.authenticator,
    });
    const { token } = await authority.issue({ subject: "x", ttlSeconds: 60, roles: ["readOnly"], tenant: "team-a" });
    pods.set("node-1", {
      waiting: [
        failing({ namespace: "team-a-apps", podName: "ours", podUid: "1" }),
        failing({ namespace: "secret", podName: "secret", podUid: "2" }),
        failing({ image: "r.example/team-b/secret:1", namespace: "secret", podName: "secret", podUid: "3" }),
      ],
    });
    const headers = { authorization: `Bearer ${token}` };
    const reader = await readEvents(running.url, { query: "?view=page", headers });
    await reader.until((messages) => messages.length > 0);
    const [snapshot] = updatesIn(reader.messages);
    expect(snapshot?.waits).toMatchObject({
      pods: 1,
      namespaces: 1,
      failures: 1,
      troubles: [{ imageRef: image, pods: 1 }],
      images: [{ imageRef: image, pods: 1 }],
    });
    expect(JSON.stringify(snapshot?.waits)).not.toContain("secret");
    await reader.close();
  });
});
