import { useEffect, useRef } from "react";

/** What the keys do on a page; what a page has not, its key does not. */
export interface KeyActions {
  readonly focusFilter?: () => void;
  /** +1 or -1. */
  readonly moveRow?: (step: 1 | -1) => void;
  readonly close?: () => void;
  readonly toggleGroups?: () => void;
  readonly showKeys?: () => void;
  readonly goTo?: (page: "/" | "/nodes") => void;
}

/** The page's keys. Where one types, and with a modifier held, they keep their usual meaning. */
export function useKeys(actions: KeyActions): void {
  const latest = useRef(actions);
  useEffect(() => {
    latest.current = actions;
  });
  useEffect(() => {
    function onKey(event: KeyboardEvent): void {
      if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
      if (document.querySelector("dialog[open]") !== null) return;
      const target = event.target instanceof Element ? event.target : undefined;
      const typing = target?.matches("input:not([type=radio], [type=checkbox]), select, textarea") === true;
      if (event.key === "Escape") {
        if (typing && target instanceof HTMLElement) target.blur();
        else latest.current.close?.();
        return;
      }
      if (typing) return;
      const action = {
        "/": () => latest.current.focusFilter?.(),
        j: () => latest.current.moveRow?.(1),
        k: () => latest.current.moveRow?.(-1),
        i: () => latest.current.toggleGroups?.(),
        p: () => latest.current.goTo?.("/"),
        n: () => latest.current.goTo?.("/nodes"),
        "?": () => latest.current.showKeys?.(),
      }[event.key];
      if (action === undefined) return;
      event.preventDefault();
      action();
    }
    document.addEventListener("keydown", onKey);
    return () => document.removeEventListener("keydown", onKey);
  }, []);
}
