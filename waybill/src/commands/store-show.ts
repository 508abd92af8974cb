import type { EligibilityVerdict, ManifestDetails, RetentionRecord } from "@waybill/artifact-store/http";
import type { Command } from "commander";
import { parseManifestTarget, parseTime } from "../store-words/index.ts";
import { humanBytes, tableOf } from "../terminal/index.ts";
import { factsOf, print, printJson } from "./store-output.ts";
import { addPlace, withPlace } from "./store-place.ts";

const help = `
What a manifest is, which files or layers it has, how long it is kept, and why: in one sentence, now or at another time.
Looking is no use: it keeps nothing alive.

Examples:
  waybill store show acme/app:v1
  waybill store show acme/app:v1 --at 90d                  would it still be kept in 90 days?
  waybill store show acme/app:v1 --json | jq -r .eligibility.sentence
`;

export function configure(command: Command): void {
  addPlace(command)
    .argument("<manifest>", "REPOSITORY:TAG or REPOSITORY@DIGEST")
    .option("--at <time>", "judge it at that time, if nothing changes until then: a date, a time, or 30d from now")
    .option("--json", "as JSON: manifest, retention, eligibility")
    .addHelpText("after", help)
    .action(async (text: string, options: Record<string, unknown>) => {
      const { repository, reference } = parseManifestTarget(text);
      const at = typeof options["at"] === "string" ? parseTime(options["at"], "--at") : undefined;
      await withPlace(options, async ({ content, retention }) => {
        const manifest = await content.look(repository, reference);
        const record = await retention.show(repository, reference);
        const eligibility = await retention.eligibility(repository, reference, at);
        if (options["json"] === true) printJson({ manifest, retention: record, eligibility });
        else print(`${described(manifest)}\n${keptAs(record, eligibility)}\n${partsOf(manifest)}`);
      });
    });
}

function described(manifest: ManifestDetails): string {
  return factsOf([
    ["manifest", `${manifest.repository}@${manifest.digest}`],
    ["tags", manifest.tags.join(", ")],
    ["media type", manifest.mediaType],
    ["kind", manifest.artifactType],
    ["about", manifest.subject],
    ["size", humanBytes(manifest.size + manifest.contentSize)],
    ["pushed", manifest.createdAt],
    ...Object.entries(manifest.annotations).map(([key, value]) => ["annotation", `${key}=${value}`] as const),
  ]);
}

export function keptAs(record: RetentionRecord, eligibility?: EligibilityVerdict): string {
  return factsOf([
    ["class", record.class],
    ["expires", record.expiresAt ?? "never"],
    ...record.extensions.map(({ until, holder, why }) => ["extended", `until ${until} by ${holder}: ${why}`] as const),
    ...record.holds.map(({ name, holder, why }) => ["held", `${name} by ${holder}: ${why}`] as const),
    ...record.pins.map(({ name, holder, why }) => ["pinned", `${name} by ${holder}: ${why}`] as const),
    ["verdict", eligibility?.sentence],
  ]);
}

function partsOf({ config, layers, manifests }: ManifestDetails): string {
  const rows = [
    ...(config === undefined ? [] : [["config", "-", humanBytes(config.size), config.digest]]),
    ...layers.map(({ title, size, digest }) => [
      title === undefined ? "layer" : "file",
      title ?? "-",
      humanBytes(size),
      digest,
    ]),
    ...manifests.map(({ platform, size, digest }) => ["manifest", platform ?? "-", humanBytes(size), digest]),
  ];
  return tableOf(["part", "name", "size", "digest"], rows);
}
