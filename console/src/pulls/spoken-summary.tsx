import { useEffect, useRef, useState } from "react";
import { formatSpeed } from "../format/index.ts";
import type { Connection } from "../live/index.ts";
import type { Summary } from "./summary.ts";
import { type Trouble, troubleSentence } from "./troubles.ts";

interface SpokenSummaryProps {
  readonly summary: Summary;
  /** Worst first: that one is told. */
  readonly troubles: readonly Trouble[];
  readonly connection: Connection;
  /** The server's clock, ms. */
  readonly now: number;
}

/** Not more often than this (ms): a summary, not a flood. */
const betweenWordsMs = 10_000;

/** Tells screen readers politely what changed: counts and the connection, never the ticking figures alone. */
export function SpokenSummary({ summary, troubles, connection, now }: SpokenSummaryProps) {
  const key = `${summary.active} ${summary.failures} ${summary.podsWaiting} ${connection.kind}`;
  const [worst] = troubles;
  const words = wordsFor(summary, connection);
  const text = worst === undefined || connection.kind !== "live" ? words : `${words}. ${troubleSentence(worst, now)}`;
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

function wordsFor(summary: Summary, connection: Connection): string {
  if (connection.kind === "reconnecting") return "Connection lost, reconnecting. The figures are old.";
  if (connection.kind === "signed-out") return "Signed out.";
  if (connection.kind === "connecting") return "Connecting.";
  const parts = [`${summary.active} active ${summary.active === 1 ? "pull" : "pulls"}`];
  if (summary.active > 0) parts.push(formatSpeed(summary.bytesPerSec));
  if (summary.podsWaiting > 0) parts.push(`${summary.podsWaiting} pods waiting`);
  if (summary.failures > 0) parts.push(`${summary.failures} failed`);
  return parts.join(", ");
}
