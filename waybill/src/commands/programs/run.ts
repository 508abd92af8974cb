import { Command } from "commander";
import { describeFailure } from "../../terminal/index.ts";
import { programVersion } from "../../version/index.ts";
import { exitCodeHelp } from "../exit-code-help.ts";

/**
 * Runs one command as a program of its own, as the container images have it: its bundle holds this command and nothing
 * of the others. Sets the exit code; never throws.
 */
export async function runAlone(
  name: string,
  description: string,
  body: { configure(command: Command, everything: () => Promise<Command>): void },
): Promise<void> {
  const program = new Command(name)
    .description(description)
    .version(`${name} ${programVersion}`, "-V, --version", "print the release")
    .helpOption("-h, --help", "print this help")
    .showHelpAfterError(`Run \`${name} --help\` for options and examples.`)
    .exitOverride();
  body.configure(program, () => Promise.resolve(program));
  program.addHelpText("after", exitCodeHelp());
  try {
    await program.parseAsync();
  } catch (error) {
    const failure = describeFailure(error);
    process.stderr.write(failure.text);
    process.exitCode = failure.code;
  }
}
