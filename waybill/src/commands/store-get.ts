import type { Command } from "commander";
import { UsageError } from "../errors/index.ts";
import { getFile, getFiles, type GetOptions } from "../store-transfer/index.ts";
import { parseManifestTarget, targetText } from "../store-words/index.ts";
import { humanBytes, interruptible, plain, progressOn, silentProgress } from "../terminal/index.ts";
import { print, printJson } from "./store-output.ts";
import { addPlace, withPlace } from "./store-place.ts";

const help = `
Writes a package's files into a folder, or into an archive when OUTPUT ends in .tar, .tar.gz, .tar.zst or .zip; an image,
whose layers have no names, as an OCI image layout (a folder, or .tar). Everything is compared with its digest before it
gets its name. The same command goes on where it stopped. Paths that would lead out of the folder are refused, links in it
are not followed, and another file in the way is replaced only with --force. Archives are gathered beside OUTPUT first.

Examples:
  waybill store get acme/results:nightly --output ./results
  waybill store get acme/results:nightly --output results.tar.gz
  waybill store get acme/results:nightly --file report.html --output report.html
  waybill store get acme/results:nightly --file log.txt --output - | head
`;

export function configure(command: Command): void {
  addPlace(command)
    .argument("<manifest>", "REPOSITORY:TAG or REPOSITORY@DIGEST")
    .requiredOption("-o, --output <path>", "folder, archive or file to write; - is standard output, for one file")
    .option("--file <path>", "only this file of the package")
    .option("--force", "replace other files that are in the way")
    .option("--quiet", "no progress")
    .option("--json", "as JSON: digest, files, bytes; not with --output -")
    .addHelpText("after", help)
    .action(async (text: string, options: Record<string, unknown>) => {
      const target = parseManifestTarget(text);
      const output = String(options["output"]);
      const path = options["file"];
      if (output === "-" && typeof path !== "string")
        throw new UsageError("--output - is for one file", "Say which with --file.");
      if (output === "-" && options["json"] === true)
        throw new UsageError("--json and --output - would mix on standard output");
      const progress = options["quiet"] === true ? silentProgress : progressOn(process.stderr, "get");
      await withPlace(options, async (access) => {
        const result = await interruptible("The same command goes on where it stopped.", (signal) => {
          const how: GetOptions = { force: options["force"] === true, progress, signal };
          return typeof path === "string"
            ? getFile(access, target, path, output === "-" ? process.stdout : output, how)
            : getFiles(access, target, output, how);
        });
        progress.end();
        if (output === "-") return;
        if (options["json"] === true) printJson({ ...result, output });
        else {
          const what = result.as === "layout" ? "blobs of an image, as OCI layout" : "files";
          print(`${targetText(target)}: ${result.files} ${what}, ${humanBytes(result.bytes)}, in ${plain(output)}\n`);
        }
      });
    });
}
