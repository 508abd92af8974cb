import { expect, it, onTestFinished, vi } from "vitest";
import { streamHeartbeatMs } from "../contract/index.ts";
import { runningServer } from "./testing/running-server.ts";

it.each(["", "?view=page"])(
  "an event stream (%j) on which nothing happens says so at least each two heartbeats",
  async (query) => {
    const running = await runningServer();
    // Intervals alone: sockets and waits go on as ever.
    vi.useFakeTimers({ toFake: ["setInterval", "clearInterval"] });
    onTestFinished(() => void vi.useRealTimers());
    const response = await fetch(`${running.url}/api/v1/events${query}`, {
      headers: { "accept-encoding": "identity" },
    });
    const reader = response.body!.getReader();
    let text = "";
    const reading = (async () => {
      for (let piece = await reader.read(); !piece.done; piece = await reader.read()) text += Buffer.from(piece.value);
    })();
    const heartbeats = (): number => text.split("\n\n").filter((message) => message === ": ").length;
    for (const beats of [1, 2, 3]) {
      vi.advanceTimersByTime(2 * streamHeartbeatMs);
      await expect.poll(heartbeats).toBeGreaterThanOrEqual(beats);
    }
    await reader.cancel();
    await reading;
  },
);
