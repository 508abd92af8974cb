import { open } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { StoreError } from "../errors/index.ts";
import type { PackageDescription } from "./contract.ts";

/** What is read of a `run.json`; there is more in it. */
const run = z.object({
  run_id: z.string().min(1).max(128),
  producer: z.string().min(1).max(128),
  kind: z.string().min(1).max(128),
  subject: z.object({
    server: z.string().min(1),
    version: z.string().optional(),
    binding: z.string().optional(),
    cmis_version: z.string().optional(),
  }),
  started: z.string().optional(),
  finished: z.string().optional(),
  totals: z.object({ tests: z.int().nonnegative(), tests_by_outcome: z.record(z.string(), z.int().nonnegative()) }),
});

const largestRunFile = 1024 * 1024;

/**
 * What guide-board's `run.json` says of a run, as a package says it: labels `outcome` (`passed`, `failed`), `subject`
 * (server and version), `binding`, `tests`, and how many of them were of each outcome.
 * @param run the document
 * @param statehub the address under which a state hub keeps its records: the link `rel: statehub` leads to
 * `<statehub>/<run id>`
 * @throws StoreError PACKAGE_INVALID
 */
export function describeRun(
  document: unknown,
  statehub?: string,
): Required<Pick<PackageDescription, "runId" | "labels">> & PackageDescription {
  const parsed = run.safeParse(document);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw new StoreError("PACKAGE_INVALID", `run.json: ${issue?.path.join(".") ?? ""} ${issue?.message ?? ""}`);
  }
  const { run_id: runId, producer, kind, subject, totals, started, finished } = parsed.data;
  const counts = totals.tests_by_outcome;
  const failed = (counts["FAILURE"] ?? 0) + (counts["UNEXPECTED_EXCEPTION"] ?? 0);
  const labels = {
    outcome: failed === 0 ? "passed" : "failed",
    subject: [subject.server, subject.version].filter((part) => part !== undefined).join(" "),
    binding: subject.binding,
    "cmis-version": subject.cmis_version,
    tests: String(totals.tests),
    failures: String(failed),
    warnings: String(counts["WARNING"] ?? 0),
    skipped: String(counts["SKIPPED"] ?? 0),
    started,
    finished,
  };
  const given = Object.entries(labels).filter((entry): entry is [string, string] => entry[1] !== undefined);
  return {
    producer,
    kind,
    runId,
    labels: Object.fromEntries(given),
    ...(statehub === undefined
      ? {}
      : { links: [{ rel: "statehub", href: `${statehub.replace(/\/+$/, "")}/${encodeURIComponent(runId)}` }] }),
  };
}

/**
 * The same for a run's folder. Undefined when there is no `run.json` in it.
 * @throws StoreError PACKAGE_INVALID when there is one that says something else
 */
export async function describeRunFolder(
  folder: string,
  statehub?: string,
): Promise<ReturnType<typeof describeRun> | undefined> {
  let text: string;
  try {
    await using file = await open(join(folder, "run.json"));
    if ((await file.stat()).size > largestRunFile) throw new StoreError("PACKAGE_INVALID", "run.json is too large");
    text = await file.readFile("utf8");
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
    throw error;
  }
  let document: unknown;
  try {
    document = JSON.parse(text);
  } catch (error) {
    throw new StoreError("PACKAGE_INVALID", "run.json is no JSON", { cause: error });
  }
  return describeRun(document, statehub);
}
