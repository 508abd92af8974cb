import { type RefObject, useEffect, useLayoutEffect, useState } from "react";

/** Pixels from the top of the page to the list; it moves when a note appears above it. */
export function useOffset(element: HTMLElement | null): number {
  const [offset, setOffset] = useState(0);
  useLayoutEffect(() => {
    if (element === null) return undefined;
    const measure = (): void => setOffset(Math.round(element.getBoundingClientRect().top + window.scrollY));
    const observer = new ResizeObserver(measure);
    observer.observe(document.body);
    return () => observer.disconnect();
  }, [element]);
  return offset;
}

/** One listener for all rows: a click anywhere in a row opens it, but not one that selects text or hits a control. */
export function useRowEvents(
  element: HTMLElement | null,
  focused: RefObject<string | undefined>,
  onToggle: (id: string) => void,
): void {
  useEffect(() => {
    if (element === null) return undefined;
    const rowOf = (event: Event): HTMLElement | null =>
      event.target instanceof Element ? event.target.closest<HTMLElement>("[data-row]") : null;
    const onClick = (event: MouseEvent): void => {
      const id = rowOf(event)?.dataset["row"];
      if (id !== undefined && (window.getSelection()?.isCollapsed ?? true)) onToggle(id);
    };
    const onFocus = (event: FocusEvent): void => {
      focused.current = rowOf(event)?.dataset["row"] ?? focused.current;
    };
    const onBlur = (event: FocusEvent): void => {
      if (event.relatedTarget !== null) focused.current = undefined;
    };
    element.addEventListener("click", onClick);
    element.addEventListener("focusin", onFocus);
    element.addEventListener("focusout", onBlur);
    return () => {
      element.removeEventListener("click", onClick);
      element.removeEventListener("focusin", onFocus);
      element.removeEventListener("focusout", onBlur);
    };
  }, [element, focused, onToggle]);
}

/** Puts the focus on a row. @returns false while the row is not drawn yet */
export function focusRow(list: HTMLElement | null, id: string): boolean {
  const button = list?.querySelector<HTMLElement>(`[data-row="${CSS.escape(id)}"] .row-toggle`);
  button?.focus({ preventScroll: true });
  return button !== null && button !== undefined;
}

/** Id of the first row that is on the screen. */
export function firstVisible(list: HTMLElement | null): string | undefined {
  for (const row of list?.querySelectorAll<HTMLElement>("[data-row]") ?? []) {
    if (row.getBoundingClientRect().top >= 0) return row.dataset["row"];
  }
  return undefined;
}
