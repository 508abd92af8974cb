import type { Command } from "commander";
import type { FindingStatus } from "../doctor/index.ts";
import { blobSettings, dataSettings, listenSettings, upSettings } from "../settings/index.ts";
import { addSettings, settingsOf } from "./settings-options.ts";

const help = `
Examples:
  waybill doctor
  waybill doctor --data /var/lib/waybill --http :8080
  waybill doctor --blobs "s3://blobs/prod?endpoint=https://s3.example.com"
  waybill doctor --json

Exit code 1 when \`waybill up\` cannot run with these settings.
`;

const doctorSettings = {
  ...dataSettings,
  ...listenSettings,
  blobs: blobSettings.blobs,
  containerdSocket: upSettings.containerdSocket,
} as const;

/** The word stands in front of every line: it says it without colour as well. */
const words: Readonly<Record<FindingStatus, string>> = {
  ok: "ok",
  warning: "warning",
  missing: "missing",
  failed: "FAILED",
};

const closings = {
  works: "Waybill can run here: waybill up",
  "works with warnings": "Waybill can run here, with the warnings above: waybill up",
  "cannot run": "Waybill cannot run here: see FAILED above.",
} as const;

export function configure(command: Command): void {
  addSettings(command, doctorSettings);
  command
    .option("--json", "as JSON")
    .addHelpText("after", help)
    .action(async (options: Record<string, unknown>) => {
      const settings = settingsOf(doctorSettings, options);
      const [{ examine, verdict }, { pageFolder }] = await Promise.all([
        import("../doctor/index.ts"),
        import("../service/index.ts"),
      ]);
      const findings = await examine({ ...settings, page: pageFolder });
      const result = verdict(findings);
      if (options["json"] === true) {
        process.stdout.write(`${JSON.stringify({ verdict: result, findings }, undefined, 2)}\n`);
      } else {
        for (const { name, status, detail, advice } of findings) {
          process.stdout.write(`${words[status].padEnd(8)} ${name.padEnd(16)} ${detail}\n`);
          if (advice !== undefined) process.stdout.write(`${" ".repeat(26)}${advice}\n`);
        }
        process.stdout.write(`\n${closings[result]}\n`);
      }
      if (result === "cannot run") process.exitCode = 1;
    });
}
