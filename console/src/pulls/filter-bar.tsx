import { type RefObject, useEffect, useImperativeHandle, useRef, useState } from "react";
import {
  type FilterChoices,
  isFiltering,
  type PageSearch,
  phaseChoices,
  type PullFilter,
  readSearch,
} from "./filter.ts";

interface FilterBarProps {
  readonly search: PageSearch;
  readonly choices: FilterChoices;
  readonly shown: number;
  readonly all: number;
  readonly textField: RefObject<HTMLInputElement | null>;
  readonly onSearch: (next: PageSearch) => void;
}

export function FilterBar({ search, choices, shown, all, textField, onSearch }: FilterBarProps) {
  const [unfolded, setUnfolded] = useState(false);
  const set = [search.node, search.namespace, search.tenant, search.phase].filter(
    (value) => value !== undefined,
  ).length;
  const change = (name: keyof PullFilter, value: string): void => onSearch(readSearch({ ...search, [name]: value }));
  return (
    <search className={unfolded ? "filter-bar unfolded" : "filter-bar"} aria-label="Filter pulls">
      <TextField text={search.q ?? ""} field={textField} onText={(text) => change("q", text)} />
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
      <span className="filter-count quiet" data-testid="filter-count">
        {shown === all
          ? `${all.toLocaleString("en")} ${all === 1 ? "pull" : "pulls"}`
          : `${shown.toLocaleString("en")} of ${all.toLocaleString("en")} pulls`}
      </span>
      {isFiltering(search) ? (
        <button type="button" onClick={() => onSearch(withoutFilter(search))}>
          Clear filter
        </button>
      ) : null}
    </search>
  );
}

export function withoutFilter(search: PageSearch): PageSearch {
  return search.kiosk === true ? { kiosk: true } : {};
}

/** Keeps by itself what is typed: the URL follows a moment later and must not move the caret. */
function TextField({
  text,
  field,
  onText,
}: {
  text: string;
  field: RefObject<HTMLInputElement | null>;
  onText: (text: string) => void;
}) {
  const input = useRef<HTMLInputElement>(null);
  useImperativeHandle<HTMLInputElement | null, HTMLInputElement | null>(field, () => input.current);
  useEffect(() => {
    if (input.current !== null && input.current !== document.activeElement) input.current.value = text;
  }, [text]);
  return (
    <div className="text-filter">
      <input
        ref={input}
        type="search"
        aria-label="Filter by text"
        aria-keyshortcuts="/"
        placeholder="Image, node, tenant, pod, digest"
        autoComplete="off"
        spellCheck={false}
        defaultValue={text}
        onChange={(event) => onText(event.target.value)}
      />
      <kbd aria-hidden="true">/</kbd>
    </div>
  );
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
