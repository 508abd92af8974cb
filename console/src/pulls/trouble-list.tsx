import { Link } from "@tanstack/react-router";
import { useState } from "react";
import { PhaseShape } from "../graphics/index.ts";
import type { PageSearch } from "./filter.ts";
import { type Trouble, troubleSentence } from "./troubles.ts";

interface TroubleListProps {
  readonly troubles: readonly Trouble[];
  readonly search: PageSearch;
  /** The server's clock, ms. */
  readonly now: number;
}

/** So many stand there at first: more would push the rows off the screen. */
const mostTroubles = 3;

/** What cannot be pulled now, why, whom it hits, and when it is tried again: one line for each cause. */
export function TroubleList({ troubles, search, now }: TroubleListProps) {
  const [whole, setWhole] = useState(false);
  if (troubles.length === 0) return null;
  const shown = whole ? troubles : troubles.slice(0, mostTroubles);
  const more = troubles.length - mostTroubles;
  const { group, kiosk } = search;
  const kept = { ...(group === undefined ? {} : { group }), ...(kiosk === undefined ? {} : { kiosk }) };
  return (
    <section className="troubles" aria-label="What cannot be pulled">
      <ul>
        {shown.map((trouble) => (
          <li key={trouble.key} data-testid="trouble">
            <PhaseShape phase="failed" />
            <div>
              <Link to="/" search={{ ...trouble.filter, ...kept }}>
                {troubleSentence(trouble, now)}
              </Link>
              {trouble.advice === "" ? null : <span className="trouble-advice"> {trouble.advice}</span>}
            </div>
          </li>
        ))}
      </ul>
      {more > 0 ? (
        <button type="button" className="link" aria-expanded={whole} onClick={() => setWhole(!whole)}>
          {whole ? "Show less" : `${more.toLocaleString("en")} more ${more === 1 ? "cause" : "causes"}`}
        </button>
      ) : null}
    </section>
  );
}
