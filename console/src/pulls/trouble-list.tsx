import { Link } from "@tanstack/react-router";
import type { Delay, PageWaits, Trouble } from "@waybill/pulltrace/contract";
import { useState } from "react";
import { formatInstant, shortImageName } from "../format/index.ts";
import { PhaseShape } from "../graphics/index.ts";
import type { PageSearch } from "./filter.ts";
import { afterImage, troubleFilter, troubleSentence } from "./troubles.ts";

interface TroubleListProps {
  readonly waits: Pick<PageWaits, "troubles" | "moreTroubles" | "delays">;
  readonly search: PageSearch;
  /** The server's clock, ms. */
  readonly now: number;
}

/** So many stand there at first: more would push the rows off the screen. */
const mostTroubles = 3;
/** Nobody presses anything at a wall screen. */
const mostOnWall = 6;
const mostDelays = 2;

/**
 * What cannot be pulled now, and what is slow: why, whom it hits, and when it is tried again or over. One line for each
 * cause.
 */
export function TroubleList({ waits, search, now }: TroubleListProps) {
  const { troubles, moreTroubles, delays } = waits;
  const [whole, setWhole] = useState(false);
  const most = search.kiosk === true ? mostOnWall : mostTroubles;
  // The line that says "1 more" is no shorter than the one.
  const first = troubles.length === most + 1 && moreTroubles === 0 ? troubles.length : most;
  const shown = whole ? troubles : troubles.slice(0, first);
  const more = troubles.length - first;
  return (
    <>
      {troubles.length === 0 ? null : (
        <section className="troubles" aria-label="What cannot be pulled">
          <ul>
            {shown.map((trouble) => (
              <TroubleLine key={trouble.key} trouble={trouble} search={search} now={now} />
            ))}
          </ul>
          {whole && moreTroubles > 0 ? <p className="trouble-advice">{causes(moreTroubles)} further down.</p> : null}
          {more > 0 && search.kiosk === true ? (
            <p className="trouble-more">{causes(more + moreTroubles)}</p>
          ) : more > 0 ? (
            <button type="button" className="link" aria-expanded={whole} onClick={() => setWhole(!whole)}>
              {whole ? "Show less" : causes(more + moreTroubles)}
            </button>
          ) : null}
        </section>
      )}
      {delays.length === 0 ? null : (
        <section className="troubles delays" aria-label="What is slow">
          <ul>
            {delays.slice(0, mostDelays).map((delay) => (
              <DelayLine key={delay.kind} delay={delay} search={search} now={now} />
            ))}
          </ul>
        </section>
      )}
    </>
  );
}

function TroubleLine({ trouble, search, now }: { trouble: Trouble; search: PageSearch; now: number }) {
  return (
    <li data-testid="trouble">
      <PhaseShape phase="failed" />
      <div>
        <Link
          to="/"
          search={{ ...troubleFilter(trouble), ...kept(search) }}
          {...(trouble.since === undefined ? {} : { title: `waiting since ${formatInstant(trouble.since)}` })}
        >
          {troubleSentence(trouble, now)}
        </Link>
        {trouble.advice === "" ? null : <span className="trouble-advice"> {trouble.advice}</span>}
      </div>
    </li>
  );
}

function DelayLine({ delay, search, now }: { delay: Delay; search: PageSearch; now: number }) {
  const { imageRef, nodeName, sentence } = delay.worst;
  return (
    <li data-testid="delay">
      <PhaseShape phase="waiting" />
      <div>
        <Link to="/" search={{ q: imageRef, ...(delay.pulls === 1 ? { node: nodeName } : {}), ...kept(search) }}>
          {shortImageName(imageRef)}
        </Link>
        {afterImage(delay, now)}
        <span className="trouble-advice">
          {" "}
          {delay.nodes === 1 ? "" : `On ${nodeName}: `}
          {sentence}
        </span>
      </div>
    </li>
  );
}

/** Not the filter, but how the page looks. */
function kept({ group, kiosk }: PageSearch): PageSearch {
  return { ...(group === undefined ? {} : { group }), ...(kiosk === undefined ? {} : { kiosk }) };
}

function causes(more: number): string {
  return `${more.toLocaleString("en")} more ${more === 1 ? "cause" : "causes"}`;
}
