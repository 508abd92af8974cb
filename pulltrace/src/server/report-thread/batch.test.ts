import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { AgentReport } from "../../contract/index.ts";
import { layerOf, pullOf, reportOf } from "../testing/reports.ts";
import { createBatchReader, createBatchWriter, type ReportBatch } from "./batch.ts";

const wide = { nodes: 100, layers: 10_000 };
/** As it crosses to the other thread: nothing of it is the same object there. */
const crossed = (batch: ReportBatch): ReportBatch => structuredClone(batch);

function pair(most = wide) {
  const writer = createBatchWriter(most);
  const reader = createBatchReader(most);
  return {
    writer,
    reader,
    pass: (...reports: AgentReport[]) => reader.read(crossed(writer.write(reports))),
  };
}

const layer = fc.tuple(fc.integer({ min: 1, max: 3 }), fc.nat(1_000)).map(([number, bytes]) => layerOf(number, bytes));
const pull = fc
  .tuple(fc.uniqueArray(layer, { maxLength: 3, selector: ({ digest }) => digest }), fc.constantFrom("p1", "p2"))
  .map(([layers, id]) => pullOf(layers, { id }));
const report = fc
  .tuple(
    fc.uniqueArray(pull, { maxLength: 2, selector: ({ id }) => id }),
    fc.constantFrom("a", "b", "c", "d"),
    fc.nat(5),
    fc.constantFrom({}, { agentVersion: "1" }, { reportIntervalMs: 1_000 }, { recording: true }),
  )
  .map(([pulls, nodeName, second, more]) =>
    reportOf(pulls, { nodeName, timestamp: new Date(1_700_000_000_000 + second * 1_000).toISOString(), ...more }),
  );

describe("reports that cross to the other thread", () => {
  it("are there what they were here, in order, also where both sides forget and where some are not taken", () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.array(report, { maxLength: 6 }), fc.nat(20)), { maxLength: 20 }),
        fc.record({ nodes: fc.integer({ min: 1, max: 5 }), layers: fc.integer({ min: 1, max: 30 }) }),
        (batches, most) => {
          const { writer, reader } = pair(most);
          const underWay: [ReportBatch, AgentReport[]][] = [];
          const arrive = (): void => {
            const [batch, sent] = underWay.shift()!;
            expect(reader.read(crossed(batch))).toEqual(sent);
          };
          for (const [sent, lost] of batches) {
            // It is on its way while the next ones are written.
            underWay.push([writer.write(sent), sent]);
            if (underWay.length > 3) arrive();
            writer.forget(sent.filter((_, place) => place === lost));
          }
          while (underWay.length > 0) arrive();
        },
      ),
      { numRuns: 500 },
    );
  });

  it("are numbers alone when nothing but bytes has changed, and keep the objects of what has not", () => {
    const { writer, reader } = pair();
    const first = reportOf([pullOf([layerOf(1, 10), layerOf(2, 0)]), pullOf([layerOf(3, 5)], { id: "p2" })]);
    const [before] = reader.read(crossed(writer.write([first])));
    const next = reportOf([pullOf([layerOf(1, 20), layerOf(2, 0)]), first.pulls[1]!], {
      timestamp: "2026-11-21T12:00:01.000Z",
    });
    const batch = writer.write([next]);
    expect(batch.whole).toEqual([]);
    const [after] = reader.read(crossed(batch));
    expect(after).toEqual(next);
    expect(after?.pulls[0]?.layers[1]).toBe(before?.pulls[0]?.layers[1]);
    expect(after?.pulls[1]).toBe(before?.pulls[1]);
    expect(before, "what was told is not changed").toEqual(first);
  });

  it("are refused when they go on from what was never told", () => {
    const { writer, reader } = pair();
    writer.write([reportOf([])]);
    expect(() => reader.read(crossed(writer.write([reportOf([])])))).toThrow("never told");
  });

  it("are not kept of more nodes and layers than the bounds say", () => {
    const { writer, pass } = pair({ nodes: 10, layers: 60 });
    for (let node = 0; node < 200; node += 1)
      pass(reportOf([pullOf([layerOf(1, 1), layerOf(2, 1)])], { nodeName: `n${node}` }));
    const known = Array.from({ length: 200 }, (_, node) => writer.known(`n${node}`)).filter((one) => one !== undefined);
    expect(known.length).toBeGreaterThanOrEqual(10);
    expect(known.length).toBeLessThanOrEqual(20);
    expect(writer.known("n199")).toBeDefined();
  });
});
