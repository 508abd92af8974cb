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

/** Stands after an error: where the words are that would have been right. */
function seeHelp(path: string): string {
  return `Run \`${path} --help\` for options and examples.`;
}

const leafCodes =
  "Exit codes: 0 when it worked, 1 when it failed, 2 when the command line or a setting is wrong; `waybill --help` has all.\n";

/**
 * Loads a command's body when the command line asks for it; `all` loads every one (for completion).
 * @param above the words that lead here
 */
async function add(
  parent: Command,
  entry: CommandEntry,
  words: readonly string[] | "all",
  above: string,
): Promise<void> {
  const wanted = words === "all" || words[0] === entry.name;
  const path = `${above} ${entry.name}`;
  const command = parent
    .command(entry.name)
    .summary(entry.summary)
    .description(sentence(entry.summary))
    .showHelpAfterError(seeHelp(path));
  if (entry.children !== undefined) {
    const rest = words === "all" ? "all" : words.slice(1);
    // A group alone does nothing: its list of commands is the answer, as an error (exit code 2).
    command.helpCommand(false);
    for (const child of entry.children) await add(command, child, wanted ? rest : [], path);
    const shown = (entry.examples ?? []).map((example) => `  ${example}\n`).join("");
    command.addHelpText(
      "after",
      `\nExamples:\n${shown}\nEach has options and examples of its own: ${path} COMMAND --help\n`,
    );
    return;
  }
  if (!wanted || entry.load === undefined) return;
  (await entry.load()).configure(command, () => createProgram("all"));
  command.addHelpText("after", leafCodes);
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
    .showHelpAfterError(seeHelp("waybill"))
    .configureHelp({
      showGlobalOptions: false,
      subcommandTerm: (command) => command.name(),
      // Descriptions say what is when an option is not given; the parser's own words for that are empty lists.
      optionDescription: (option) => option.description,
    })
    .exitOverride();
  for (const entry of commandTree) await add(program, entry, words, "waybill");
  program.addHelpText("after", examples + exitCodeHelp());
  return program;
}
