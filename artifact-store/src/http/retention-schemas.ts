import { z } from "zod";
import { pageSchema, repositoryName, schemas, time, why } from "./api-schemas.ts";

const digestText = z.string().max(135);
const milliseconds = z.int().nonnegative().nullable();

export const repository = z.object({ name: repositoryName, class: z.string() }).register(schemas, {
  id: "Repository",
  description: "`class` is what manifests get that are pushed here from now on.",
});
export const repositoryPage = pageSchema(z.object({ name: repositoryName }));

export const listedManifest = z
  .object({
    digest: digestText,
    mediaType: z.string(),
    artifactType: z.string().optional(),
    subject: digestText.optional(),
    size: z.int(),
    contentSize: z.int(),
    createdAt: time,
    class: z.string(),
    expiresAt: time.nullable(),
    tags: z.array(z.string()),
  })
  .register(schemas, {
    id: "ListedManifest",
    description: "`size` is the manifest's own, `contentSize` that of the blobs it names.",
  });
export const manifestPage = pageSchema(listedManifest);

const part = z.object({
  mediaType: z.string(),
  digest: digestText,
  size: z.int(),
  title: z.string().optional(),
  platform: z.string().optional(),
});

export const manifest = z
  .object({
    ...listedManifest.shape,
    repository: repositoryName,
    annotations: z.record(z.string(), z.string()),
    config: part.optional(),
    layers: z.array(part),
    manifests: z.array(part),
  })
  .register(schemas, { id: "Manifest", description: "`title` of a layer is the path of a file, as it was pushed." });

const reason = z.object({ name: z.string(), holder: z.string(), why: z.string() });

export const retention = z
  .object({
    repository: repositoryName,
    digest: digestText,
    class: z.string(),
    expiresAt: time.nullable(),
    extensions: z.array(z.object({ holder: z.string(), why: z.string(), until: time, at: time })),
    holds: z.array(reason),
    pins: z.array(reason),
  })
  .register(schemas, { id: "Retention", description: "`expiresAt` null: without end." });

export const eligibility = z
  .object({
    repository: repositoryName,
    digest: digestText,
    at: time,
    verdict: z.enum(["kept", "may-go"]),
    because: z.string(),
    sentence: z.string(),
    until: time.nullable().optional(),
    since: time.optional(),
  })
  .register(schemas, {
    id: "Eligibility",
    description:
      "`until` (of what is kept): when the answer may be another one by itself, null when only somebody's doing changes " +
      "it. `since`: of what may go.",
  });

export const newReason = z.strictObject({ why });
export const newExtension = z.strictObject({ until: time, why });
export const extended = z.object({ expiresAt: time });
export const chosenClass = z.strictObject({ class: z.string().min(1).max(63) });

export const retentionClass = z
  .object({
    name: z.string(),
    lifetimeMs: milliseconds,
    longestMs: milliseconds,
    untaggedMs: milliseconds,
    locked: z.boolean(),
  })
  .register(schemas, {
    id: "RetentionClass",
    description: "Milliseconds; null is without end. `untaggedMs`: how long a manifest without tag and expiry is kept.",
  });
export const classRules = z.strictObject({
  lifetimeMs: milliseconds.default(null),
  longestMs: milliseconds.default(null),
  untaggedMs: milliseconds.default(null),
  locked: z.boolean().default(false),
});
export const classList = z.object({ items: z.array(retentionClass) });

export const tombstone = z.object({ digest: digestText, reason: z.string(), deletedAt: time });
export const tombstonePage = pageSchema(tombstone);

export const upload = z
  .object({ id: z.uuid(), repository: repositoryName, offset: z.int(), createdAt: time, expiresAt: time })
  .register(schemas, { id: "Upload", description: "`offset`: bytes that are kept, and where the next one belongs." });
export const uploadPage = pageSchema(upload);
