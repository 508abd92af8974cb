import type { Command } from "commander";

export function configure(command: Command): void {
  command
    .addHelpText("after", "\nExamples:\n  waybill docs settings > docs/settings.md      (make docs)\n")
    .action(async () => {
      const { settingsPage } = await import("../documentation/index.ts");
      process.stdout.write(settingsPage());
    });
}
