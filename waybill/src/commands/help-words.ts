import type { CommandEntry } from "./command.ts";
import { commandTree } from "./tree.ts";

/**
 * The words of a command line that asks for help, as its parser takes them: `help store ls` is `store ls --help`. Where a
 * word is no command, help is left out and the word stays: the parser then says that it is unknown, and what is meant.
 * Any other command line is returned as it is.
 */
export function helpWords(words: readonly string[]): readonly string[] {
  const asksFirst = words[0] === "help";
  if (!asksFirst && !words.includes("--help") && !words.includes("-h")) return words;
  const path: string[] = [];
  let known: readonly CommandEntry[] | undefined = commandTree;
  for (const word of asksFirst ? words.slice(1) : words) {
    if (known === undefined || word.startsWith("-")) break;
    path.push(word);
    const entry: CommandEntry | undefined = known.find(({ name }) => name === word);
    if (entry === undefined) return path;
    known = entry.children;
  }
  return asksFirst ? [...path, "--help"] : words;
}
