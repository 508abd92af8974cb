import { type RefObject, useState } from "react";
import { TextField } from "../list/index.ts";
import {
  type FilterChoices,
  isFiltering,
  type PageSearch,
  phaseChoices,
  type PullFilter,
  readSearch,
  toggleGroups,
  withoutFilter,
} from "./filter.ts";

interface FilterBarProps {
  readonly search: PageSearch;
  readonly choices: FilterChoices;
  /** Rows, and what they are: pulls, or images. */
  readonly shown: number;
  readonly all: number;
  readonly textField: RefObject<HTMLInputElement | null>;
  readonly onSearch: (next: PageSearch) => void;
}

export function FilterBar({ search, choices, shown, all, textField, onSearch }: FilterBarProps) {
  const [unfolded, setUnfolded] = useState(false);
  const set = [search.node, search.namespace, search.tenant, search.phase, search.failure].filter(
    (value) => value !== undefined,
  ).length;
  const change = (name: keyof PullFilter, value: string): void => onSearch(readSearch({ ...search, [name]: value }));
  return (
    <search className={unfolded ? "filter-bar unfolded" : "filter-bar"} aria-label="Filter pulls">
      <TextField
        text={search.q ?? ""}
        placeholder="Image, node, tenant, pod, digest"
        field={textField}
        onText={(text) => change("q", text)}
      />
      {/* Only on a telephone, where the choices would push the list off the screen. */}
      <button type="button" className="unfold" aria-expanded={unfolded} onClick={() => setUnfolded(!unfolded)}>
        {set === 0 ? "More" : `More (${set})`}
      </button>
      <Choice name="Node" value={search.node} options={choices.nodes} onChoose={(value) => change("node", value)} />
      <Choice
        name="Namespace"
        value={search.namespace}
        options={choices.namespaces}
        onChoose={(value) => change("namespace", value)}
      />
      <Choice
        name="Tenant"
        value={search.tenant}
        options={choices.tenants}
        onChoose={(value) => change("tenant", value)}
      />
      <Choice name="Phase" value={search.phase} options={phaseChoices} onChoose={(value) => change("phase", value)} />
      {choices.failures.length === 0 ? null : (
        <Choice
          name="Cause"
          value={search.failure}
          options={choices.failures}
          onChoose={(value) => change("failure", value)}
        />
      )}
      <label className="switch">
        <input
          type="checkbox"
          role="switch"
          aria-keyshortcuts="i"
          checked={search.group === "image"}
          aria-checked={search.group === "image"}
          onChange={() => onSearch(toggleGroups(search))}
        />
        Group by image
      </label>
      <span className="filter-count quiet" data-testid="filter-count">
        {countText(shown, all, search.group ?? "pull")}
      </span>
      {isFiltering(search) ? (
        <button type="button" onClick={() => onSearch(withoutFilter(search))}>
          Clear filter
        </button>
      ) : null}
    </search>
  );
}

function countText(shown: number, all: number, noun: "image" | "pull"): string {
  const total = all.toLocaleString("en");
  return shown === all
    ? `${total} ${all === 1 ? noun : `${noun}s`}`
    : `${shown.toLocaleString("en")} of ${total} ${noun}s`;
}

interface ChoiceProps {
  readonly name: string;
  readonly value: string | undefined;
  readonly options: readonly string[];
  readonly onChoose: (value: string) => void;
}

function Choice({ name, value, options, onChoose }: ChoiceProps) {
  return (
    <label className={value === undefined ? "choice" : "choice choice-set"}>
      <span className="visually-hidden">{name}</span>
      <select value={value ?? ""} onChange={(event) => onChoose(event.target.value)}>
        <option value="">{`${name}: any`}</option>
        {options.map((option) => (
          <option key={option} value={option}>
            {option}
          </option>
        ))}
      </select>
    </label>
  );
}
