import { useEffect, useRef } from "react";

const keys: readonly (readonly [key: string, meaning: string])[] = [
  ["/", "go to the filter"],
  ["j  k", "next, previous row"],
  ["Enter", "open or close the row; on a node, show its pulls"],
  ["Esc", "close what is open"],
  ["i", "group the pulls by image, or not"],
  ["p  n", "go to the pulls, to the nodes"],
  ["?", "show these keys"],
];

const tones: readonly (readonly [phase: string, meaning: string])[] = [
  ["waiting", "waiting: no free slot yet, or another pull fetches it"],
  ["downloading", "downloading, or downloaded"],
  ["unpacking", "unpacking to disk"],
  ["done", "on the node"],
  ["cached", "was on the node before"],
  ["failed", "failed"],
];

/** What the keys do, and how to read a bar. Native dialog: it keeps the focus and closes on Esc by itself. */
export function KeysDialog({ open, onClose }: { open: boolean; onClose: () => void }) {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    if (open && dialog.current?.open === false) dialog.current.showModal();
    if (!open) dialog.current?.close();
  }, [open]);
  return (
    <dialog ref={dialog} className="keys" aria-labelledby="keys-title" onClose={onClose}>
      <h2 id="keys-title">Keys</h2>
      <dl>
        {keys.map(([key, meaning]) => (
          <div key={key}>
            <dt>
              {key.split("  ").map((one) => (
                <kbd key={one}>{one}</kbd>
              ))}
            </dt>
            <dd>{meaning}</dd>
          </div>
        ))}
      </dl>
      <h2>How to read a bar</h2>
      <p className="quiet">One part per layer, as wide as the layer is large; the base stands left.</p>
      <dl>
        {tones.map(([phase, meaning]) => (
          <div key={phase}>
            <dt>
              <span className={`swatch segment-${phase}`} />
            </dt>
            <dd>{meaning}</dd>
          </div>
        ))}
      </dl>
      <form method="dialog">
        <button type="submit">Close</button>
      </form>
    </dialog>
  );
}
