import { stat } from "node:fs/promises";
import { describeRunFolder, StoreError, type PackageLink } from "@waybill/artifact-store";
import { UserError } from "@waybill/foundation/errors";
import type { Command } from "commander";
import { UsageError } from "../errors/index.ts";
import { filesUnder, putFiles } from "../store-transfer/index.ts";
import { parseTarget } from "../store-words/index.ts";
import { humanBytes, interruptible, plain, progressOn, silentProgress } from "../terminal/index.ts";
import { labelsOf } from "./store-ls.ts";
import { print, printJson } from "./store-output.ts";
import { addPlace, withPlace } from "./store-place.ts";

const help = `
Puts folders and files into REPOSITORY as one package: an OCI manifest with a layer for each file. Of a folder everything
in it, by its path there; a file under its own name. What the store has is not sent again. After Ctrl-C, kill -9 or a cut
connection the same command goes on where it stopped, within a large file too. A file that changes while it is read or
sent ends it with an error. Symbolic links, devices, sockets and pipes are refused, or left out with --skip-special.
The description of a guide-board run is taken from its run.json. A folder without a store gets one.

Examples:
  waybill store put ./results acme/results:nightly
  waybill store put ./results acme/results --producer ci --kind junit --run-id 42 --label outcome=passed
  waybill store put ./runs/20261121T080131Z acme/cmis --guide-board --statehub https://states.example/records
  waybill store put report.html log.txt acme/results --class ci --link statehub=https://states.example/records/17
  WAYBILL_TOKEN=$(cat token) waybill store put ./results acme/results --server https://store.example --json | jq -r .digest
`;

export function configure(command: Command): void {
  addPlace(command)
    .argument("<what...>", "folders and files, then REPOSITORY or REPOSITORY:TAG")
    .option("--producer <name>", "the program that made them; waybill when nothing says it")
    .option("--kind <name>", "what they are; files when nothing says it")
    .option("--run-id <id>", "the producer's own name for the run")
    .option("--label <key=value>", "what to find it by; again for more of them", labelsOf, {})
    .option("--link <rel=url>", "what it belongs to elsewhere; again for more of them", linksOf, [])
    .option("--guide-board", "the folder is a run of guide-board; its run.json describes it, and must be there")
    .option("--statehub <url>", "with a run.json: link to the run's record at this state hub")
    .option("--class <name>", "its retention class; the repository's when absent")
    .option("--skip-special", "leave out what is no plain file, and say how many")
    .option("--quiet", "no progress")
    .option("--json", "as JSON: the package")
    .addHelpText("after", help)
    .action(async (what: readonly string[], options: Record<string, unknown>) => {
      const name = what.at(-1) ?? "";
      const paths = what.slice(0, -1);
      if (paths.length === 0) throw new UsageError("put what, and where?", "waybill store put DIR REPOSITORY[:TAG]");
      const { repository, reference } = parseTarget(name);
      if (reference !== undefined && "digest" in reference)
        throw new UsageError("the store says the digest, not the caller");
      const tag = reference?.tag;
      const { class: retentionClass } = options;
      const description = await descriptionOf(paths, options);
      const found = await filesUnder(paths, options["skipSpecial"] === true);
      const progress = options["quiet"] === true ? silentProgress : progressOn(process.stderr, "put");
      await withPlace(
        options,
        async (access) => {
          const { package: made, sent } = await interruptible("The same command goes on where it stopped.", (signal) =>
            putFiles(
              access,
              {
                repository,
                tag,
                paths,
                ...description,
                ...(typeof retentionClass === "string" ? { class: retentionClass } : {}),
              },
              found,
              { progress, signal },
            ),
          );
          progress.end();
          const skipped = found.skipped.length;
          if (skipped > 0) process.stderr.write(`left out: ${skipped}, ${plain(found.skipped[0] ?? "")} is one\n`);
          if (options["json"] === true) printJson({ ...made, ...(tag === undefined ? {} : { tag }), sent, skipped });
          else {
            const where = tag === undefined ? "" : `, tag ${tag}`;
            print(`${repository}@${made.digest ?? ""}${where}\n`);
            print(`package ${made.id}: ${made.fileCount} files, ${humanBytes(made.size)}, ${humanBytes(sent)} sent\n`);
          }
        },
        true,
      );
    });
}

/** What the options say, and where they are silent, a `run.json` of guide-board. */
async function descriptionOf(paths: readonly string[], options: Readonly<Record<string, unknown>>) {
  const text = (name: string): string | undefined =>
    typeof options[name] === "string" ? (options[name] as string) : undefined;
  const run = await runIn(paths, options["guideBoard"] === true, text("statehub"));
  const runId = text("runId") ?? run?.runId;
  return {
    producer: text("producer") ?? run?.producer ?? "waybill",
    kind: text("kind") ?? run?.kind ?? "files",
    labels: { ...run?.labels, ...(options["label"] as Readonly<Record<string, string>>) },
    links: [...(run?.links ?? []), ...(options["link"] as readonly PackageLink[])],
    ...(runId === undefined ? {} : { runId }),
  };
}

async function runIn(paths: readonly string[], required: boolean, statehub: string | undefined) {
  const [folder = ""] = paths;
  const only = paths.length === 1 && (await isFolder(folder));
  try {
    const run = only ? await describeRunFolder(folder, statehub) : undefined;
    if (run !== undefined || (!required && statehub === undefined)) return run;
  } catch (error) {
    // Another program's run.json says nothing here, unless somebody says that it is guide-board's.
    if (!(error instanceof StoreError)) throw error;
    if (!required && statehub === undefined) return undefined;
    throw new UserError(
      `${folder} is no run of guide-board: ${error.message}`,
      "Leave out --guide-board and --statehub.",
    );
  }
  throw new UserError(
    `${folder} is no run of guide-board: it has no run.json`,
    "Name one run's folder, and nothing else.",
  );
}

async function isFolder(path: string): Promise<boolean> {
  return await stat(path).then(
    (found) => found.isDirectory(),
    () => false,
  );
}

/** `rel=url`, gathered over all uses of the option. */
function linksOf(text: string, before: readonly PackageLink[]): PackageLink[] {
  const equals = text.indexOf("=");
  const href = text.slice(equals + 1);
  if (equals <= 0 || !URL.canParse(href)) {
    throw new UsageError(`--link is rel=url, but is ${JSON.stringify(text.slice(0, 80))}`);
  }
  return [...before, { rel: text.slice(0, equals), href }];
}
