import type { Command } from "commander";
import { exportLayout } from "../store-transfer/index.ts";
import { parseManifestTarget } from "../store-words/index.ts";
import { humanBytes, interruptible, plain, progressOn, silentProgress } from "../terminal/index.ts";
import { print, printJson } from "./store-output.ts";
import { addPlace, withPlace } from "./store-place.ts";

const help = `
Writes manifests with everything that they name as an OCI image layout: a folder, or an archive when OUTPUT ends in .tar.
skopeo reads it as oci:FOLDER:TAG and oci-archive:FILE:TAG. A layout that is there gets the new references beside its own.
The same command goes on where it stopped. With --retention class, expiry and holds go along, for waybill store import.

Examples:
  waybill store export acme/app:v1 --output ./layout
  waybill store export acme/app:v1 acme/app:v2 --output app.tar --retention
  skopeo copy oci-archive:app.tar:v1 docker://registry.example/acme/app:v1
`;

export function configure(command: Command): void {
  addPlace(command)
    .argument("<manifest...>", "REPOSITORY:TAG or REPOSITORY@DIGEST")
    .requiredOption("-o, --output <path>", "folder, or file that ends in .tar")
    .option("--retention", "put class, expiry and holds beside each reference")
    .option("--force", "replace an archive that is there")
    .option("--quiet", "no progress")
    .option("--json", "as JSON: how many manifests, blobs, bytes")
    .addHelpText("after", help)
    .action(async (texts: readonly string[], options: Record<string, unknown>) => {
      const targets = texts.map(parseManifestTarget);
      const output = String(options["output"]);
      const progress = options["quiet"] === true ? silentProgress : progressOn(process.stderr, "export");
      await withPlace(options, async (access) => {
        const result = await interruptible("The same command goes on where it stopped.", (signal) =>
          exportLayout(access, targets, output, {
            force: options["force"] === true,
            retention: options["retention"] === true,
            progress,
            signal,
          }),
        );
        progress.end();
        const { manifests, blobs, bytes } = result;
        if (options["json"] === true) printJson({ ...result, output });
        else print(`${manifests} manifests and ${blobs} blobs, ${humanBytes(bytes)}, in ${plain(output)}\n`);
      });
    });
}
