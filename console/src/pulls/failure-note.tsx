import { isFailing, type PullStatus } from "@waybill/pulltrace/contract";
import { formatDuration, formatInstant } from "../format/index.ts";
import { adviceFor } from "./advice.ts";
import { nextTry } from "./time-left.ts";

interface FailureNoteProps {
  readonly pull: PullStatus;
  /** The server's clock, ms. */
  readonly now: number;
}

/** Why it failed, what to do, and what happens by itself. Nothing for a pull that did not fail. */
export function FailureNote({ pull, now }: FailureNoteProps) {
  const { error, failure, phase } = pull;
  if (error === undefined && failure === undefined) return null;
  const sentence = failure?.sentence ?? error ?? "";
  const advice = failure?.advice ?? adviceFor(sentence);
  // Of a pull that only kubelet told of, the error is the sentence and the advice once more.
  const own = error !== undefined && failure !== undefined && !error.includes(failure.sentence);
  return (
    <div className={`error-note error-${phase}`} data-testid="failure">
      <p className="error-text">{sentence}</p>
      <p>
        <strong>What to do:</strong> {advice}
      </p>
      {own ? <p className="error-source quiet">{error}</p> : null}
      <Tries pull={pull} now={now} />
    </div>
  );
}

/** `4 failed tries, the last one 20 s ago. Next try in 40 s. After 4 tries kubelet waits …` */
function Tries({ pull, now }: FailureNoteProps) {
  const { attempts, completedAt, failure, waitsFor } = pull;
  const failing = isFailing(pull);
  const ago = completedAt === undefined ? Number.NaN : (now - Date.parse(completedAt)) / 1000;
  const parts: string[] = [];
  if (attempts !== undefined) {
    const last = Number.isNaN(ago) ? "" : `, the last one ${formatDuration(Math.max(0, ago))} ago`;
    parts.push(`${attempts.toLocaleString("en")} failed ${attempts === 1 ? "try" : "tries"}${last}.`);
  }
  if (failing) {
    const { text } = nextTry(pull, now);
    parts.push(`${text.charAt(0).toUpperCase()}${text.slice(1)}.`);
  }
  if (waitsFor !== undefined) parts.push(waitsFor.sentence);
  if (failure?.retryAt !== undefined) parts.push(limitWords(failure.retryAt, now));
  return parts.length === 0 ? null : <p data-testid="tries">{parts.join(" ")}</p>;
}

function limitWords(retryAt: string, now: number): string {
  const left = (Date.parse(retryAt) - now) / 1000;
  if (Number.isNaN(left)) return "";
  return left > 0
    ? `The registry takes requests again in ${formatDuration(left)} (${formatInstant(retryAt)}).`
    : "The registry takes requests again.";
}
