import type { Command } from "commander";
import { UsageError } from "../errors/index.ts";
import { importLayout } from "../store-transfer/index.ts";
import { parseTarget } from "../store-words/index.ts";
import { interruptible, progressOn, silentProgress } from "../terminal/index.ts";
import { print, printJson } from "./store-output.ts";
import { addPlace, withPlace } from "./store-place.ts";

const help = `
Brings an OCI image layout, a folder or a plain .tar, into REPOSITORY: made by waybill store export, by skopeo (oci: and
oci-archive:) or by podman save --format oci-archive. Tags are those of the layout, or TAG when it has one manifest or
--ref chooses one. Every byte is compared with its digest. The same command goes on where it stopped. With --retention it
takes over class, expiry and holds of an export; the class must be defined here. A folder without a store gets one.

Examples:
  waybill store import ./layout acme/app
  waybill store import app.tar acme/app:v1 --ref v1
  waybill store import app.tar acme/app --retention --server http://127.0.0.1:8080
`;

export function configure(command: Command): void {
  addPlace(command)
    .argument("<layout>", "folder or .tar file")
    .argument("<repository>", "REPOSITORY or REPOSITORY:TAG")
    .option("--ref <name>", "only what the layout calls so, or has under this digest")
    .option("--retention", "take over class, expiry and holds")
    .option("--quiet", "no progress")
    .option("--json", "as JSON, one line for each manifest: digest and tag")
    .addHelpText("after", help)
    .action(async (source: string, text: string, options: Record<string, unknown>) => {
      const { repository, reference } = parseTarget(text);
      if (reference !== undefined && "digest" in reference) throw new UsageError("choose by digest with --ref");
      const progress = options["quiet"] === true ? silentProgress : progressOn(process.stderr, "import");
      const { ref } = options;
      const asked = {
        source,
        repository,
        tag: reference?.tag,
        retention: options["retention"] === true,
        ...(typeof ref === "string" ? { reference: ref } : {}),
      };
      await withPlace(
        options,
        async (access) => {
          const imported = await interruptible("The same command goes on where it stopped.", (signal) =>
            importLayout(access, asked, { progress, signal }),
          );
          progress.end();
          for (const { digest, tag } of imported) {
            if (options["json"] === true) printJson({ repository, digest, ...(tag === undefined ? {} : { tag }) });
            else print(`${repository}@${digest}${tag === undefined ? "" : `, tag ${tag}`}\n`);
          }
        },
        true,
      );
    });
}
