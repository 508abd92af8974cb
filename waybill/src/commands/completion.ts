import { Argument, type Command } from "commander";
import { completionScript, describeCommands, shells, type Shell } from "../completion/index.ts";

const help = `
Examples:
  waybill completion bash > ~/.local/share/bash-completion/completions/waybill
  waybill completion zsh > "\${fpath[1]}/_waybill"
  waybill completion fish > ~/.config/fish/completions/waybill.fish
  source <(waybill completion bash)                 only in this shell
`;

export function configure(command: Command, everything: () => Promise<Command>): void {
  command
    .addArgument(new Argument("<shell>", "your shell").choices(shells))
    .addHelpText("after", help)
    .action(async (shell: Shell) => {
      process.stdout.write(completionScript(shell, describeCommands(await everything())));
    });
}
