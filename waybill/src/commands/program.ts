import { Command } from "commander";
import { programVersion } from "../version/index.ts";
import type { CommandEntry } from "./command.ts";
import { exitCodeHelp } from "./exit-code-help.ts";
import { commandTree } from "./tree.ts";

const examples = `
Examples:
  waybill up                                   everything at http://127.0.0.1:8080
  waybill doctor                               what works here, and what to do about the rest
  waybill pulltrace agent --node-name "$(hostname)" --server-url http://127.0.0.1:8080
`;

/** Loads a command's body when the command line asks for it; `all` loads every one (for completion). */
async function add(parent: Command, entry: CommandEntry, words: readonly string[] | "all"): Promise<void> {
  const wanted = words === "all" || words[0] === entry.name;
  const command = parent.command(entry.name).summary(entry.summary).description(sentence(entry.summary));
  const rest = words === "all" ? "all" : words.slice(1);
  if (entry.children !== undefined) {
    for (const child of entry.children) await add(command, child, wanted ? rest : []);
    // A group alone does nothing: its list of commands is the answer, as an error (exit code 2).
    command.action(() => command.help({ error: true }));
    return;
  }
  if (wanted && entry.load !== undefined) (await entry.load()).configure(command, () => createProgram("all"));
}

function sentence(summary: string): string {
  return `${summary.charAt(0).toUpperCase()}${summary.slice(1)}.`;
}

/**
 * The whole command line, with the bodies of those commands that `words` (the arguments without options) lead to.
 * Ends by throwing a `CommanderError`, never by ending the process.
 */
export async function createProgram(words: readonly string[] | "all"): Promise<Command> {
  const program = new Command("waybill")
    .description("Follows software from its bytes to the running pod: store, control plane and pull monitor.")
    .version(`waybill ${programVersion}`, "-V, --version", "print the release")
    .helpOption("-h, --help", "print this help")
    .helpCommand("help [command]", "print the help of a command")
    .showHelpAfterError("Run it with --help for options and examples.")
    .configureHelp({ showGlobalOptions: false, subcommandTerm: (command) => command.name() })
    .exitOverride();
  const asked = words === "all" || words[0] !== "help" ? words : words.slice(1);
  for (const entry of commandTree) await add(program, entry, asked);
  program.addHelpText("after", examples + exitCodeHelp());
  return program;
}
