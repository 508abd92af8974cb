/**
 * Columns for people: a heading, then rows, each column as wide as its widest cell. Control characters of a cell are shown
 * and not obeyed: what a stranger pushed must not drive somebody's terminal.
 */
export function tableOf(heading: readonly string[], rows: readonly (readonly string[])[]): string {
  const all = [heading.map((word) => word.toUpperCase()), ...rows.map((row) => row.map(plain))];
  const widths = heading.map((_, column) => Math.max(...all.map((row) => row[column]?.length ?? 0)));
  return all
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join("  ")
        .trimEnd(),
    )
    .map((line) => `${line}\n`)
    .join("");
}

/** One line without control characters, for a terminal. */
export function plain(text: string): string {
  return text.replaceAll(/[\p{Cc}\p{Cf}\u2028\u2029]/gu, (character) => {
    const code = character.codePointAt(0) ?? 0;
    return `\\u{${code.toString(16)}}`;
  });
}
