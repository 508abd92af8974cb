import { z } from "zod";
import { digest, pageSchema, repositoryName, schemas, time, why } from "./api-schemas.ts";

const digestText = z.string().max(135);
const text = z.string().min(1).max(128);
const labels = z.record(z.string().max(63), z.string().max(256));
const link = z.strictObject({ rel: z.string().max(64), href: z.string().max(2000) });

export const packageSchema = z
  .object({
    id: z.uuid(),
    repository: repositoryName,
    producer: z.string(),
    kind: z.string(),
    runId: z.string().optional(),
    labels,
    links: z.array(z.object({ rel: z.string(), href: z.string() })),
    state: z.enum(["open", "sealed", "expired", "deleted"]),
    class: z.string().optional(),
    digest: digestText.optional(),
    size: z.int(),
    fileCount: z.int(),
    createdAt: time,
    sealedAt: time.optional(),
    expiresAt: time.optional(),
    reason: z.string().optional(),
  })
  .register(schemas, {
    id: "Package",
    description:
      "`digest` is that of its manifest, which any OCI client pulls; `expiresAt` absent: without end; `reason`: why it was " +
      "deleted. A package that came in by another client has the producer `oci` unless its annotations say another.",
  });
export const packagePage = pageSchema(packageSchema);

export const packageFile = z
  .object({ path: z.string(), mediaType: z.string(), size: z.int(), digest: digestText })
  .register(schemas, { id: "PackageFile" });
export const packageFilePage = pageSchema(packageFile);
export const packageFileList = z.object({ items: z.array(packageFile) });

export const newPackage = z.strictObject({
  repository: repositoryName,
  producer: text,
  kind: text,
  runId: text.optional(),
  labels: labels.optional(),
  links: z.array(link).max(32).optional(),
  class: z.string().min(1).max(63).optional(),
});
export const changedPackage = z.strictObject({ labels: labels.optional(), links: z.array(link).max(32).optional() });
export const newPackageHold = z.strictObject({ name: text, why });

const states = /^(?:open|sealed|expired|deleted)(?:,(?:open|sealed|expired|deleted)){0,3}$/u;
const pairs =
  /^[A-Za-z0-9][A-Za-z0-9._/-]{0,62}=[^,]{0,1024}(?:,[A-Za-z0-9][A-Za-z0-9._/-]{0,62}=[^,]{0,1024}){0,15}$/u;

export const packageQuery = {
  repository: repositoryName.optional(),
  producer: text.optional(),
  kind: text.optional(),
  runId: text.optional(),
  outcome: z.string().max(256).optional(),
  subject: z.string().max(256).optional(),
  digest: digest.optional(),
  label: z
    .string()
    .max(8192)
    .regex(pairs, "key=value, and more of them after commas; a comma, or a percent sign, in a value is percent-encoded")
    .optional(),
  state: z.string().regex(states, "open, sealed, expired or deleted, or several with commas").optional(),
};

export const addedFile = z.strictObject({
  path: z.string().min(1).max(1024),
  digest: digest.optional(),
  blob: digest.optional(),
});
export const addedArchive = z.strictObject({ under: z.string().min(1).max(1024).optional() });
export const deletion = z.strictObject({ reason: z.string().min(1).max(500).optional() });

/** `key=value,key=value` as labels; undefined when a value is not percent-encoded as it should be. */
export function labelsOf(label: string | undefined): Readonly<Record<string, string>> | undefined {
  try {
    return Object.fromEntries(
      (label === undefined ? [] : label.split(",")).map((pair) => {
        const equals = pair.indexOf("=");
        return [pair.slice(0, equals), decodeURIComponent(pair.slice(equals + 1))];
      }),
    );
  } catch {
    return undefined;
  }
}
