import type { PageWaits } from "@waybill/pulltrace/contract";
import { useEffect, useRef, useState } from "react";
import { formatSpeed } from "../format/index.ts";
import type { Connection } from "../live/index.ts";
import type { Summary } from "./summary.ts";
import { delaySentence, troubleSentence } from "./troubles.ts";

interface SpokenSummaryProps {
  readonly summary: Summary;
  /** Worst first: that one is told. */
  readonly waits: PageWaits;
  readonly connection: Connection;
  /** The server's clock, ms. */
  readonly now: number;
}

/** Not more often than this (ms): a summary, not a flood. */
const betweenWordsMs = 10_000;

/** Tells screen readers politely what changed: counts and the connection, never the ticking figures alone. */
export function SpokenSummary({ summary, waits, connection, now }: SpokenSummaryProps) {
  const key = `${summary.active} ${waits.failures} ${waits.pods} ${connection.kind}`;
  const words = wordsFor(summary, waits, connection);
  const worst = worstOf(waits, now);
  const text = worst === undefined || connection.kind !== "live" ? words : `${words}. ${worst}`;
  const [spoken, setSpoken] = useState("");
  const latest = useRef(text);
  const spokenAt = useRef(0);
  const spokenKey = useRef("");
  useEffect(() => {
    latest.current = text;
  });
  useEffect(() => {
    if (spokenKey.current === key) return undefined;
    const wait = Math.max(500, spokenAt.current + betweenWordsMs - Date.now());
    const timer = setTimeout(() => {
      spokenAt.current = Date.now();
      spokenKey.current = key;
      setSpoken(latest.current);
    }, wait);
    return () => clearTimeout(timer);
  }, [key]);
  return (
    <output className="visually-hidden" aria-label="Summary">
      {spoken}
    </output>
  );
}

function worstOf({ troubles: [trouble], delays: [delay] }: PageWaits, now: number): string | undefined {
  if (trouble !== undefined) return troubleSentence(trouble, now);
  return delay === undefined ? undefined : delaySentence(delay, now);
}

function wordsFor(summary: Summary, waits: PageWaits, connection: Connection): string {
  if (connection.kind === "reconnecting") return "Connection lost, reconnecting. The figures are old.";
  if (connection.kind === "signed-out") return "Signed out.";
  if (connection.kind === "connecting") return "Connecting.";
  const parts = [`${summary.active} active ${summary.active === 1 ? "pull" : "pulls"}`];
  if (summary.active > 0) parts.push(formatSpeed(summary.bytesPerSec));
  if (waits.pods > 0) parts.push(`${waits.pods} ${waits.pods === 1 ? "pod" : "pods"} waiting`);
  if (waits.failures > 0) parts.push(`${waits.failures} failed`);
  return parts.join(", ");
}
