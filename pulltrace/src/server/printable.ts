/** Blanks, control and formatting characters (bidirectional overrides among them), and halves of surrogate pairs. */
const unprintable = /[\s\p{Cc}\p{Cf}\p{Cs}]+/gu;

/** Text that somebody else wrote, as people may be shown it: what cannot be shown becomes a blank, what is too long is cut. */
export function printable(text: string, most: number): string {
  const shown = text
    .slice(0, 4 * most)
    .replace(unprintable, " ")
    .trim();
  return shown.length > most ? `${shown.slice(0, most - 1).toWellFormed()}…` : shown;
}
