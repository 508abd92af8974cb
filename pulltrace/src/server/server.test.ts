import { describe, expect, it } from "vitest";
import { eventsIn, numberIn, readEvents } from "./testing/event-reader.ts";
import { faultsOf } from "./testing/event-schema.ts";
import { layerOf, pullOf, reportOf } from "./testing/reports.ts";
import { runningServer } from "./testing/running-server.ts";

describe("the pull server", () => {
  it("shows a reported pull in the list and tells it to a reader who begins where the list ends", async () => {
    await using running = await runningServer();
    expect((await running.post(reportOf([]))).status).toBe(204);
    const list = await running.list();
    expect(list.pulls).toEqual([]);
    expect(list.nodes).toMatchObject([{ nodeName: "node-1", reporting: true, agentVersion: "0.1.0", activePulls: 0 }]);

    const reader = await readEvents(running.url, { lastEventId: list.lastEventId });
    await running.post(reportOf([pullOf([layerOf(1, 0), layerOf(2, 0)])]));
    running.pass(1_000);
    await running.post(reportOf([pullOf([layerOf(1, 500), layerOf(2, 0)])]));
    running.pass(1_000);
    await running.post(
      reportOf([
        pullOf([layerOf(1, 1_000, { phase: "done" }), layerOf(2, 1_000, { phase: "done" })], { phase: "done" }),
      ]),
    );
    await reader.until((messages) => eventsIn(messages).some(({ type }) => type === "pull.completed"));
    await reader.close();

    const events = eventsIn(reader.messages);
    expect(events.map(({ type }) => type)).toEqual([
      "pull.started",
      "layer.started",
      "pull.progress",
      "layer.completed",
      "layer.started",
      "layer.completed",
      "pull.completed",
    ]);
    expect(events.flatMap(faultsOf)).toEqual([]);
    expect(reader.messages.map(({ id }) => numberIn(id))).toEqual([1, 2, 3, 4, 5, 6, 7]);
    const after = await running.list();
    expect(after.lastEventId).toBe(reader.lastEventId());
    expect(after.pulls).toMatchObject([{ phase: "done", percent: 100, layersDone: 2, etaSeconds: 0, bytesPerSec: 0 }]);
  });
});
