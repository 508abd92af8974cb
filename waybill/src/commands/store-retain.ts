import type { RepositoryName } from "@waybill/artifact-store";
import type { Command } from "commander";
import { UsageError } from "../errors/index.ts";
import type { StoreAccess } from "../store-access/index.ts";
import { parseTarget, parseTime, type ManifestTarget } from "../store-words/index.ts";
import { factsOf, print, printJson } from "./store-output.ts";
import { addPlace, withPlace } from "./store-place.ts";
import { keptAs } from "./store-show.ts";

const help = `
A class says how long a manifest lives (waybill store class); an extension lets one live longer, within its class's limit.
For a repository, --class chooses what manifests get that are pushed from now on. Without an option it shows what holds.

Examples:
  waybill store retain acme/app:v1 --class release
  waybill store retain acme/app:v1 --until 90d --why "release 1.2 is supported until then"
  waybill store retain acme/app --class ci                 for all pushes to come
  waybill store retain acme/app:v1
`;

export function configure(command: Command): void {
  addPlace(command)
    .argument("<what>", "REPOSITORY:TAG, REPOSITORY@DIGEST, or REPOSITORY for pushes to come")
    .option("--class <name>", "put it into this retention class; its expiry begins anew from now")
    .option("--until <time>", "let it live until then at least: a date, a time, or 30d from now")
    .option("--why <text>", "the reason, which is kept; needed with --until")
    .option("--json", "as JSON: the record")
    .addHelpText("after", help)
    .action(async (text: string, options: Record<string, unknown>) => {
      const target = parseTarget(text);
      const { repository, reference } = target;
      const asked = askedOf(options);
      if (reference === undefined && asked.until !== undefined) {
        throw new UsageError("--until is for a manifest", `Write ${text}:TAG or ${text}@DIGEST.`);
      }
      await withPlace(options, async (access) => {
        const record =
          reference === undefined
            ? await ofRepository(access, repository, asked.class)
            : await ofManifest(access, { repository, reference }, asked);
        if (options["json"] === true) printJson(record);
        else if ("holds" in record) print(keptAs(record));
        else
          print(
            factsOf([
              ["repository", record.name],
              ["class", record.class],
            ]),
          );
      });
    });
}

interface Asked {
  readonly class: string | undefined;
  readonly until: string | undefined;
  readonly why: string;
}

function askedOf(options: Readonly<Record<string, unknown>>): Asked {
  const { class: name, until, why } = options;
  if (until !== undefined && typeof why !== "string")
    throw new UsageError("--until needs a reason", "Say it with --why.");
  return {
    class: typeof name === "string" ? name : undefined,
    until: typeof until === "string" ? parseTime(until, "--until") : undefined,
    why: typeof why === "string" ? why : "",
  };
}

async function ofRepository(
  { retention }: StoreAccess,
  repository: RepositoryName,
  name: string | undefined,
): Promise<{ readonly name: string; readonly class: string }> {
  return name === undefined ? await retention.classOf(repository) : await retention.useClass(repository, name);
}

async function ofManifest({ retention }: StoreAccess, { repository, reference }: ManifestTarget, asked: Asked) {
  if (asked.class !== undefined) await retention.classify(repository, reference, asked.class);
  if (asked.until !== undefined) {
    await retention.extend(repository, reference, { until: asked.until, why: asked.why });
  }
  return await retention.show(repository, reference);
}
