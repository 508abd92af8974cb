import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { PullEvent, PullStatus } from "../contract/index.ts";
import { createBoard } from "./board.ts";
import { defaultLimits } from "./limits.ts";
import { faultsOf } from "./testing/event-schema.ts";
import { steps, type Step } from "./testing/report-sequences.ts";
import { noon } from "./testing/reports.ts";

/** Longer than any sequence: once an end is forgotten, a pull that is still reported is a new one, and rightly so. */
const historyTtlMs = 100_000_000;

/** Plays the steps on a board; each inner list holds the events of one report or sweep. */
function play(
  sequence: readonly Step[],
  after: (events: readonly PullEvent[], pulls: readonly PullStatus[]) => void = () => {},
) {
  let now = noon;
  let told: PullEvent[] = [];
  const board = createBoard({
    historyTtlMs,
    tenantOf: (ref) => (ref.includes("/team-a/") ? "team-a" : undefined),
    limits: defaultLimits,
    clock: () => now,
    listener: {
      emitted: (emissions) => told.push(...emissions.map(({ event }) => event)),
      arrived: checkBytes,
      dropped: () => {},
    },
  });
  const turns: (readonly PullEvent[])[] = [];
  const turn = (): void => {
    turns.push(told);
    after(told, board.pulls({}));
    told = [];
  };
  for (const step of sequence) {
    now += step.afterMs;
    board.sweep(Math.max(0, step.afterMs));
    turn();
    if (step.report === undefined) continue;
    if (!board.report(step.report)) throw new Error("refused");
    turn();
  }
  const end = (): void => {
    now += 200_000;
    board.sweep(200_000);
    turn();
    now += 2 * historyTtlMs;
    board.sweep(2 * historyTtlMs);
    turn();
  };
  return { turns, board, end };
}
function checkBytes(bytes: number): void {
  if (!Number.isSafeInteger(bytes) || bytes < 0) throw new Error(`bytes: ${bytes}`);
}

/** Runs the check on many sequences; it says what is wrong, or nothing. */
function always(check: (sequence: readonly Step[]) => string | undefined): void {
  fc.assert(
    fc.property(steps, (sequence) => {
      const wrong = check(sequence);
      if (wrong !== undefined) throw new Error(wrong);
    }),
    { numRuns: 400 },
  );
}
const ends: ReadonlySet<string> = new Set(["pull.completed", "pull.failed"]);

describe("whatever agents report, in whatever order", () => {
  it("every event is valid by the published schema", () => {
    expect(() =>
      always((sequence) => {
        const game = play(sequence);
        game.end();
        for (const event of game.turns.flat()) {
          const faults = faultsOf(event);
          if (faults.length > 0) return `${faults.join("; ")} in ${JSON.stringify(event)}`;
        }
        return undefined;
      }),
    ).not.toThrow();
  });

  it("each pull starts once before everything of it, ends exactly once after everything of it, and nothing stays in memory", () => {
    expect(() =>
      always((sequence) => {
        const game = play(sequence);
        game.end();
        const state = new Map<string, "running" | "over">();
        for (const { type, pull, layer } of game.turns.flat()) {
          const id = pull?.id ?? layer?.pullId ?? "";
          const before = state.get(id);
          if (type === "pull.started" ? before !== undefined : before !== "running")
            return `${type} of ${id} when it was ${before ?? "unknown"}`;
          state.set(id, ends.has(type) ? "over" : "running");
        }
        for (const [id, last] of state) if (last !== "over") return `${id} has no end`;
        const size = game.board.size();
        return size.nodes + size.pulls + size.layers === 0 ? undefined : `left: ${JSON.stringify(size)}`;
      }),
    ).not.toThrow();
  });

  it("percent never falls, and is 100 only at the end", () => {
    expect(() =>
      always((sequence) => {
        const game = play(sequence);
        game.end();
        const last = new Map<string, number>();
        for (const { type, pull, layer } of game.turns.flat()) {
          for (const [key, percent] of [
            ...(pull === undefined ? [] : [[pull.id, pull.percent] as const]),
            ...[...(pull?.layers ?? []), ...(layer === undefined ? [] : [layer])].map(
              (one) => [`${one.pullId} ${one.digest}`, one.percent] as const,
            ),
          ]) {
            if (percent < (last.get(key) ?? 0)) return `${key} fell from ${last.get(key)} to ${percent} in ${type}`;
            last.set(key, percent);
          }
          if (pull?.percent === 100 && pull.phase !== "done") return `100 % in phase ${pull.phase}`;
        }
        return undefined;
      }),
    ).not.toThrow();
  });

  it("a layer starts once and is completed once, in that order, and progress comes at most once per turn and only with a change", () => {
    expect(() =>
      always((sequence) => {
        const once = new Set<string>();
        const shown = new Map<string, string>();
        const game = play(sequence);
        game.end();
        for (const events of game.turns) {
          const inTurn = new Set<string>();
          for (const { type, pull, layer } of events) {
            const key = pull?.id ?? `${layer?.pullId} ${layer?.digest}`;
            const name = `${type} ${key}`;
            if (type.endsWith(".progress")) {
              if (inTurn.has(name)) return `${name} twice in one turn`;
              inTurn.add(name);
            } else if (once.has(name)) return `${name} again`;
            else once.add(name);
            if (type === "layer.progress" && once.has(`layer.completed ${key}`)) return `${name} after its end`;
            if (type === "layer.completed" && layer?.cached !== true && !once.has(`layer.started ${key}`))
              return `${name} without a start`;
            const content = JSON.stringify({ ...(pull ?? layer), updatedAt: undefined });
            if (type.endsWith(".progress") && shown.get(key) === content) return `${name} without a change`;
            shown.set(key, content);
          }
        }
        return undefined;
      }),
    ).not.toThrow();
  });

  it("who applies the events to an earlier list has what the list says now", () => {
    expect(() =>
      always((sequence) => {
        const known = new Map<string, string>();
        const plain = (pull: PullStatus): string => JSON.stringify({ ...pull, updatedAt: "" });
        let wrong: string | undefined;
        play(sequence, (events, pulls) => {
          for (const { pull } of events) if (pull !== undefined) known.set(pull.id, plain(pull));
          for (const pull of pulls)
            if (known.get(pull.id) !== plain(pull)) wrong ??= `${known.get(pull.id)} is not ${plain(pull)}`;
        });
        return wrong;
      }),
    ).not.toThrow();
  });
});
