import type { Command } from "commander";
import { programVersion } from "../version/index.ts";

export function configure(command: Command): void {
  command
    .option("--json", "as JSON")
    .addHelpText("after", "\nExamples:\n  waybill version\n  waybill version --json\n")
    .action((options: { readonly json?: boolean }) => {
      const facts = {
        version: programVersion,
        node: process.versions.node,
        platform: `${process.platform}-${process.arch}`,
      };
      process.stdout.write(
        options.json === true
          ? `${JSON.stringify(facts)}\n`
          : `waybill ${facts.version} (Node ${facts.node}, ${facts.platform})\n`,
      );
    });
}
