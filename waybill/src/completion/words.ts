import type { Command } from "commander";

/** What can be typed after one command. */
export interface CommandWords {
  /** The command's words without the program's name, separated by blanks; empty for the program itself. */
  readonly path: string;
  readonly words: readonly { readonly word: string; readonly meaning: string; readonly takesValue: boolean }[];
}

function wordsOf(command: Command): CommandWords["words"] {
  const children = command.commands.map((child) => ({
    word: child.name(),
    meaning: child.summary(),
    takesValue: false,
  }));
  const choices = command.registeredArguments.flatMap((argument) =>
    (argument.argChoices ?? []).map((word) => ({ word, meaning: argument.description, takesValue: false })),
  );
  const options = command.options.map((option) => ({
    word: option.long ?? option.short ?? "",
    // What follows in brackets (variable, default) is for --help.
    meaning: option.description.replace(/ \(env .*$/s, ""),
    takesValue: option.required,
  }));
  return [...children, ...choices, ...options, { word: "--help", meaning: "print help", takesValue: false }];
}

/** All commands with all their words, parents before children. */
export function describeCommands(program: Command, path: readonly string[] = []): CommandWords[] {
  return [
    { path: path.join(" "), words: wordsOf(program) },
    ...program.commands.flatMap((child) => describeCommands(child, [...path, child.name()])),
  ];
}
