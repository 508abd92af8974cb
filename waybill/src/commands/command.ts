import type { Command } from "commander";

/**
 * What a command's file exports: its options, examples and what it does. Loaded only when it is asked for.
 * `everything` makes the whole command line with all bodies, for a command that speaks about the others.
 */
interface CommandBody {
  configure(command: Command, everything: () => Promise<Command>): void;
}

/** One word of the command line: a command with a body, or a group of commands. */
export interface CommandEntry {
  readonly name: string;
  /** One line for the list of commands. */
  readonly summary: string;
  readonly load?: () => Promise<CommandBody>;
  readonly children?: readonly CommandEntry[];
  /** Of a group: a few command lines that show what it is for; a body brings its own. */
  readonly examples?: readonly string[];
}
