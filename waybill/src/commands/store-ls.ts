import type { ManifestListing, TombstoneListing } from "@waybill/artifact-store/http";
import type { Command } from "commander";
import { UsageError } from "../errors/index.ts";
import type { PackageListing, Page, PageAsked, StoreAccess } from "../store-access/index.ts";
import { allOf, parseTarget } from "../store-words/index.ts";
import { humanBytes, tableOf } from "../terminal/index.ts";
import { print, printJson } from "./store-output.ts";
import { addPlace, withPlace } from "./store-place.ts";

const help = `
Without REPOSITORY it lists repositories, with one its manifests, and with --packages packages. --deleted tells what is no
longer there, when that went, and why. As JSON each item is one line. With --limit it ends there, and says on standard error
with which --cursor it goes on.

Examples:
  waybill store ls                                         repositories
  waybill store ls acme/app                                tags, digests, sizes, how long each is kept
  waybill store ls --packages --producer ci --label outcome=passed
  waybill store ls acme/app --deleted                      why what was there is gone
  waybill store ls --packages --deleted --run-id 42
  waybill store ls acme/app --json | jq -r '.tags[]'
  waybill store ls --server http://127.0.0.1:8080 --limit 100
`;

interface Filters {
  readonly producer?: string;
  readonly kind?: string;
  readonly runId?: string;
  readonly labels: Readonly<Record<string, string>>;
}

export function configure(command: Command): void {
  addPlace(command)
    .argument("[repository]", "list this one")
    .option("--packages", "list packages: open and sealed ones, newest first")
    .option("--producer <name>", "packages of this producer")
    .option("--kind <name>", "packages of this kind")
    .option("--run-id <id>", "packages of this run")
    .option("--label <key=value>", "packages with this label; again for more of them", labelsOf, {})
    .option("--deleted", "what is left of deleted manifests, or packages: when and why they went")
    .option("--limit <number>", "at most so many items")
    .option("--cursor <text>", "go on where a list with --limit ended")
    .option("--json", "as JSON, one line for each item")
    .addHelpText("after", help)
    .action(async (name: string | undefined, options: Record<string, unknown>) => {
      const repository = name === undefined ? undefined : parseTarget(name).repository;
      const filters = filtersOf(options);
      const deleted = options["deleted"] === true;
      if (deleted && repository === undefined && options["packages"] !== true) {
        throw new UsageError(
          "--deleted is about the manifests of a repository, or packages",
          "Name one, or add --packages.",
        );
      }
      await withPlace(options, async (access) => {
        if (options["packages"] === true) {
          const query = { ...filters, deleted, ...(repository === undefined ? {} : { repository }) };
          const pages = (page: PageAsked) => access.packages.find({ ...page, ...query });
          if (deleted) await list(options, pages, deletedPackageRow, deletedPackageHeading);
          else await list(options, pages, packageRow, packageHeading);
        } else if (repository === undefined) {
          await list(
            options,
            (page) => access.content.repositories(page),
            (item) => [item.name],
            ["repository"],
          );
        } else if (deleted) {
          await list(options, (page) => access.content.tombstones(repository, page), tombstoneRow, tombstoneHeading);
        } else {
          await list(options, manifestsOf(access, repository), manifestRow, manifestHeading);
        }
      });
    });
}

const manifestHeading = ["digest", "tags", "size", "kind", "class", "expires"];
const packageHeading = ["package", "repository", "producer", "kind", "run", "state", "files", "size", "created"];

const deletedPackageHeading = ["package", "repository", "producer", "kind", "run", "created", "why it went"];
const tombstoneHeading = ["digest", "deleted", "why it went"];

function manifestsOf(access: StoreAccess, repository: ReturnType<typeof parseTarget>["repository"]) {
  return (page: PageAsked): Promise<Page<ManifestListing>> => access.content.manifests(repository, page);
}

function manifestRow(manifest: ManifestListing): readonly string[] {
  const { digest, tags, size, contentSize, artifactType, mediaType, expiresAt } = manifest;
  const kind = artifactType ?? mediaType;
  return [digest, tags.join(",") || "-", humanBytes(size + contentSize), kind, manifest.class, expiresAt ?? "never"];
}

function packageRow(one: PackageListing): readonly string[] {
  return [
    one.id,
    one.repository,
    one.producer,
    one.kind,
    one.runId ?? "-",
    one.state,
    String(one.fileCount),
    humanBytes(one.size),
    one.createdAt,
  ];
}

function deletedPackageRow(one: PackageListing): readonly string[] {
  const { id, repository, producer, kind, runId, createdAt, reason } = one;
  return [id, repository, producer, kind, runId ?? "-", createdAt, reason ?? "-"];
}

function tombstoneRow({ digest, deletedAt, reason }: TombstoneListing): readonly string[] {
  return [digest, deletedAt, reason];
}

function filtersOf(options: Readonly<Record<string, unknown>>): Filters {
  const text = (name: string): string | undefined =>
    typeof options[name] === "string" ? (options[name] as string) : undefined;
  const producer = text("producer");
  const kind = text("kind");
  const runId = text("runId");
  const labels = options["label"] as Readonly<Record<string, string>>;
  const given = producer ?? kind ?? runId ?? Object.keys(labels)[0];
  if (given !== undefined && options["packages"] !== true) {
    throw new UsageError("--producer, --kind, --run-id and --label choose packages", "Add --packages.");
  }
  return {
    ...(producer === undefined ? {} : { producer }),
    ...(kind === undefined ? {} : { kind }),
    ...(runId === undefined ? {} : { runId }),
    labels,
  };
}

/** `key=value`, gathered over all uses of an option. */
export function labelsOf(text: string, before: Readonly<Record<string, string>>): Record<string, string> {
  const equals = text.indexOf("=");
  if (equals <= 0) throw new UsageError(`--label is key=value, but is ${JSON.stringify(text.slice(0, 80))}`);
  return { ...before, [text.slice(0, equals)]: text.slice(equals + 1) };
}

export function limitOf(options: Readonly<Record<string, unknown>>): number | undefined {
  const text = options["limit"];
  if (text === undefined) return undefined;
  if (typeof text !== "string" || !/^[1-9]\d{0,2}$|^1000$/.test(text)) {
    throw new UsageError("--limit is a whole number from 1 to 1000");
  }
  return Number(text);
}

/** One page where the command line has a limit, else all of them. */
export async function list<T extends object>(
  options: Readonly<Record<string, unknown>>,
  pages: (page: PageAsked) => Promise<Page<T>>,
  row: (item: T) => readonly string[],
  heading: readonly string[],
): Promise<void> {
  const limit = limitOf(options);
  const json = options["json"] === true;
  let shown = false;
  const show = (items: readonly T[]): void => {
    if (json) for (const item of items) printJson(item);
    else print(tableOf(heading, items.map(row)).replace(shown ? /^.*\n/ : /^$/, ""));
    shown = true;
  };
  const cursor = typeof options["cursor"] === "string" ? { cursor: options["cursor"] } : {};
  if (limit === undefined) {
    for await (const items of allOf((page) => pages({ ...cursor, ...page }))) show(items);
  } else {
    const page = await pages({ limit, ...cursor });
    if (page.items.length > 0) show(page.items);
    if (page.nextCursor !== undefined) process.stderr.write(`There is more: --cursor ${page.nextCursor}\n`);
  }
  if (!shown && !json) process.stderr.write("There is nothing.\n");
}
