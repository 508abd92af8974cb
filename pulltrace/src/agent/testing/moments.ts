import { readFile } from "node:fs/promises";
import type { Glance, NamespaceObservation, Observation } from "../observation/index.ts";

/** One thing that the agent saw: a whole look, or a glance at downloads. */
export type Moment =
  | { readonly kind: "look"; readonly observation: Observation }
  | { readonly kind: "glance"; readonly glance: Glance };

/**
 * Moments of a real containerd, kept as JSON lines: the first says what was played, the others hold one moment each,
 * and of each namespace only what differs from the moment before.
 */
type KeptMoment =
  | {
      at: number;
      containerdStartedAt?: number;
      fileClock?: number;
      namespaces: Record<string, Partial<NamespaceObservation>>;
    }
  | { at: number; fileClock?: number; seen: Glance["downloads"] };

export function keepMoments(about: string, containerd: string, moments: readonly Moment[]): string {
  const before = new Map<string, NamespaceObservation>();
  const kept = moments.map((moment): KeptMoment => {
    if (moment.kind === "glance") {
      const { downloads, ...rest } = moment.glance;
      return { ...rest, seen: downloads };
    }
    const { namespaces, ...when } = moment.observation;
    const changed: Record<string, Partial<NamespaceObservation>> = {};
    for (const now of namespaces) {
      const last = before.get(now.name);
      changed[now.name] = Object.fromEntries(
        Object.entries(now).filter(([field, value]) => {
          const old = last === undefined ? undefined : Object.entries(last).find(([name]) => name === field)?.[1];
          return JSON.stringify(value) !== JSON.stringify(old);
        }),
      );
      before.set(now.name, now);
    }
    return { ...when, namespaces: changed };
  });
  return [{ about, containerd }, ...kept].map((line) => `${JSON.stringify(line)}\n`).join("");
}

export async function keptMoments(name: string): Promise<Moment[]> {
  const file = new URL(`../attribution/fixtures/${name}.jsonl`, import.meta.url);
  const [, ...kept] = (await readFile(file, "utf8")).trimEnd().split("\n");
  const before = new Map<string, NamespaceObservation>();
  return kept.map((line): Moment => {
    const moment = JSON.parse(line) as KeptMoment;
    if ("seen" in moment) {
      const { seen, ...rest } = moment;
      return { kind: "glance", glance: { ...rest, downloads: seen } };
    }
    const { namespaces, ...rest } = moment;
    const whole = Object.entries(namespaces).map(([namespace, changed]) => {
      const now = { ...before.get(namespace), ...changed } as NamespaceObservation;
      before.set(namespace, now);
      return now;
    });
    return { kind: "look", observation: { ...rest, namespaces: whole } };
  });
}
