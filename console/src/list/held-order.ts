import { useEffect, useState } from "react";

/** Somebody who neither moves nor types for so long (ms) does not read a row: the order goes on. */
const idleMs = 15_000;

/**
 * True while somebody reads the list: the pointer is over it, the keyboard's focus is in it, or it is scrolled into.
 * Rows must not move then.
 */
export function useHeldOrder(element: HTMLElement | null): boolean {
  const [pointed, setPointed] = useState(false);
  const [scrolled, setScrolled] = useState(false);

  useEffect(() => {
    if (element === null) return undefined;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const release = (): void => {
      clearTimeout(timer);
      setPointed(false);
    };
    const hold = (): void => {
      clearTimeout(timer);
      timer = setTimeout(release, idleMs);
      setPointed(true);
    };
    const onPointer = (event: PointerEvent): void => {
      if (event.pointerType === "mouse") hold();
    };
    const onFocus = (event: FocusEvent): void => {
      if (event.target instanceof Element && event.target.matches(":focus-visible")) hold();
    };
    const onScroll = (): void => setScrolled(element.getBoundingClientRect().top < -8);
    element.addEventListener("pointermove", onPointer);
    element.addEventListener("pointerleave", release);
    element.addEventListener("focusin", onFocus);
    element.addEventListener("focusout", release);
    element.addEventListener("keydown", hold);
    window.addEventListener("scroll", onScroll, { passive: true });
    return () => {
      clearTimeout(timer);
      element.removeEventListener("pointermove", onPointer);
      element.removeEventListener("pointerleave", release);
      element.removeEventListener("focusin", onFocus);
      element.removeEventListener("focusout", release);
      element.removeEventListener("keydown", hold);
      window.removeEventListener("scroll", onScroll);
    };
  }, [element]);

  return pointed || scrolled;
}
