import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import type { AgentReport } from "../contract/index.ts";
import { errorAt, foretold } from "./testing/foresight.ts";
import { digestOf, noon } from "./testing/reports.ts";

/** How true the told ends are: played reports, each told end held against the end that came. */
describe("time left, held against what came", () => {
  it("is off by less than a second in half of all moments of a recorded pull through a slow link", () => {
    const [header, ...lines] = readFileSync(new URL("../../recordings/demo.jsonl", import.meta.url), "utf8")
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line) as { recordedAt: string; atMs: number; report: AgentReport });
    const begin = Date.parse(header!.recordedAt);
    const { told, moments } = foretold(lines.map(({ atMs, report }) => ({ at: begin + atMs, report })));
    expect(told.length).toBeGreaterThan(moments * 0.9);
    expect(errorAt(told, 0.5).seconds).toBeLessThan(1);
    expect(errorAt(told, 0.5).part).toBeLessThan(0.1);
    expect(errorAt(told, 0.9).seconds).toBeLessThan(3);
  });

  it.each([
    [0.05, 0.1, 0.2],
    [0.1, 0.1, 0.25],
    [0.3, 0.2, 0.6],
  ])("holds on a steady link of %s MiB/s, on which pieces come rarely", (mebibytes, half, nine) => {
    const { told, moments } = foretold(slowLink(() => mebibytes));
    expect(told.length).toBeGreaterThan(moments * 0.8);
    expect(errorAt(told, 0.5).part).toBeLessThan(half);
    expect(errorAt(told, 0.9).part).toBeLessThan(nine);
  });

  it.each<[string, (second: number) => number]>([
    ["that drops to a sixtieth and stays there", (second) => (second < 100 ? 6 : 0.1)],
    ["that drops to a tenth each minute", (second) => (second % 120 < 60 ? 1 : 0.1)],
    ["that goes up and down by the factor of sixteen", (second) => 0.5 * 4 ** Math.sin(second / 7)],
  ])("calls ends measured only where they are worth more, on a link %s", (_, rate) => {
    const { told } = foretold(slowLink(rate, 40));
    const [measured, others] = [true, false].map((one) => told.filter(({ basis }) => (basis === "measured") === one));
    expect(measured?.length).toBeGreaterThan(0);
    expect(errorAt(measured ?? [], 0.9).part * 2).toBeLessThan(errorAt(others ?? [], 0.9).part);
  });

  it("knows after the first image how long a node with a slow disk unpacks", () => {
    const reports = slowDisk();
    const { told } = foretold(reports);
    const ids = [...new Set(told.map(({ pullId }) => pullId))];
    expect(ids).toHaveLength(3);
    // While it downloads, all that can be known of the unpacking is what was learned before.
    const [first, ...later] = ids.map(
      (id) =>
        errorAt(
          told.filter(({ pullId, after }) => pullId === id && after < 20),
          0.5,
        ).part,
    );
    expect(first).toBeGreaterThan(0.3);
    for (const part of later) expect(part).toBeLessThan(0.1);
    expect(errorAt(told, 0.5).part).toBeLessThan(0.1);
  });
});

/**
 * Two images of three layers, one after the other; containerd writes what comes in pieces of 1 MiB.
 * @param mebibytesPerSecond of each second
 */
function slowLink(
  mebibytesPerSecond: (second: number) => number,
  times = 1,
): readonly { readonly at: number; readonly report: AgentReport }[] {
  const piece = 1024 * 1024;
  const sizes = [8.3, 6.2, 4.1].map((mebibytes) => Math.round(mebibytes * times * piece));
  const reports: { at: number; report: AgentReport }[] = [];
  const iso = (second: number) => new Date(noon + second * 1_000).toISOString();
  let second = 0;
  for (const image of [1, 2]) {
    const begin = second;
    const came = sizes.map(() => 0);
    let done = false;
    for (; !done; second += 1) {
      // It was all there at the last look.
      done = came.every((bytes, index) => bytes === sizes[index]);
      const layers = sizes.map((totalBytes, index) => {
        const there = (came[index] ?? 0) === totalBytes;
        return {
          digest: digestOf(image * 10 + index),
          mediaType: "application/vnd.oci.image.layer.v1.tar+gzip",
          totalBytes,
          downloadedBytes: there ? totalBytes : Math.floor((came[index] ?? 0) / piece) * piece,
          totalKnown: true,
          phase: done ? "done" : there ? "downloaded" : "downloading",
        } as const;
      });
      const pull = {
        id: `image-${image}`,
        imageRef: `registry.example/acme/image-${image}:1`,
        startedAt: iso(begin),
        totalKnown: true,
        layers,
        phase: done ? "done" : "downloading",
        ...(done ? { completedAt: iso(second) } : {}),
      } as const;
      reports.push({
        at: noon + second * 1_000,
        report: { nodeName: "node-1", timestamp: iso(second), pulls: [pull] },
      });
      const open = sizes.flatMap((size, index) => ((came[index] ?? 0) < size ? [index] : []));
      for (const index of open) {
        const share = (mebibytesPerSecond(second) * piece) / open.length;
        came[index] = Math.min(sizes[index] ?? 0, (came[index] ?? 0) + share);
      }
    }
    second += 30;
  }
  return reports;
}

/** Three images, one after the other: 20 s of download at 10 MB/s, then each of four layers unpacks for 15 s. */
function slowDisk(): readonly { readonly at: number; readonly report: AgentReport }[] {
  const layerBytes = 50e6;
  const reports: { at: number; report: AgentReport }[] = [];
  const iso = (second: number) => new Date(noon + second * 1_000).toISOString();
  for (let image = 0; image < 3; image += 1) {
    const begin = image * 100;
    for (let second = 0; second <= 82; second += 1) {
      const layers = [0, 1, 2, 3].map((index) => {
        const downloadedBytes = Math.max(0, Math.min(layerBytes, second * 10e6 - index * layerBytes));
        const arrived = 5 * (index + 1);
        const unpacks = 5 + 15 * index;
        const phase =
          second >= unpacks + 15
            ? "done"
            : second >= Math.max(arrived, unpacks)
              ? "unpacking"
              : second >= arrived
                ? "downloaded"
                : downloadedBytes > 0
                  ? "downloading"
                  : "waiting";
        return {
          digest: digestOf(image * 10 + index + 1),
          mediaType: "application/vnd.oci.image.layer.v1.tar+gzip",
          totalBytes: layerBytes,
          downloadedBytes,
          totalKnown: true,
          phase,
          ...(second >= arrived ? { completedAt: iso(begin + arrived) } : {}),
        } as const;
      });
      const phase = second >= 66 ? "done" : second >= 20 ? "unpacking" : "downloading";
      const completed = phase === "done" ? { completedAt: iso(begin + 66) } : {};
      const pull = {
        id: `image-${image}`,
        imageRef: `registry.example/acme/image-${image}:1`,
        startedAt: iso(begin),
        totalKnown: true,
        layers,
        phase,
        ...completed,
      } as const;
      reports.push({
        at: noon + (begin + second) * 1_000,
        report: { nodeName: "node-1", timestamp: iso(begin + second), pulls: [pull] },
      });
    }
  }
  return reports;
}
