import { createHash } from "node:crypto";
import { contentsOf, digestOf, type Digest, type RepositoryName } from "@waybill/artifact-store";
import { NotFoundError } from "../errors/index.ts";
import { ConnectionError, type Reference, type StoreAccess } from "../store-access/index.ts";
import { allOf, type Target } from "../store-words/index.ts";
import type { Progress } from "../terminal/index.ts";
import { algorithmOf } from "./digest.ts";

/** Something that is not what its digest says. */
export interface Finding {
  readonly kind: "missing" | "corrupt";
  readonly repository: RepositoryName;
  readonly digest: string;
  readonly detail: string;
}

export interface VerifySums {
  readonly manifests: number;
  readonly blobs: number;
  readonly bytes: number;
  readonly findings: number;
}

export interface VerifyOptions {
  readonly tell: (finding: Finding) => void;
  readonly signal: AbortSignal;
  readonly progress?: Progress;
}

/** So many digests are remembered as read; beyond, one that many manifests share may be read again. */
const mostRemembered = 200_000;

/**
 * Reads what is named, or everything, and compares it with its digests. Each blob is read once.
 * @throws NotFoundError for a target that is not there; errors of the connection end it, since they say nothing of the bytes
 */
export async function verifyStore(
  access: StoreAccess,
  targets: readonly Target[],
  { tell, signal, progress }: VerifyOptions,
): Promise<VerifySums> {
  const sums = { manifests: 0, blobs: 0, bytes: 0, findings: 0 };
  const read = new Set<string>();
  const first = (digest: string): boolean => {
    if (read.has(digest)) return false;
    if (read.size < mostRemembered) read.add(digest);
    return true;
  };
  const report = (finding: Finding): void => {
    sums.findings++;
    tell(finding);
  };

  async function blob(repository: RepositoryName, digest: Digest, size: number): Promise<void> {
    if (!first(digest)) return;
    sums.blobs++;
    progress?.expect(size, 1);
    const hash = createHash(algorithmOf(digest));
    let bytes = 0;
    try {
      const source = await access.content.openBlob(repository, digest, 0);
      for await (const chunk of source as AsyncIterable<Uint8Array>) {
        signal.throwIfAborted();
        hash.update(chunk);
        bytes += chunk.byteLength;
        progress?.advance(chunk.byteLength);
      }
    } catch (error) {
      signal.throwIfAborted();
      if (error instanceof ConnectionError) throw error;
      const detail = error instanceof Error ? error.message : String(error);
      return report({ kind: error instanceof NotFoundError ? "missing" : "corrupt", repository, digest, detail });
    } finally {
      sums.bytes += bytes;
      progress?.fileDone();
    }
    const actual = `${algorithmOf(digest)}:${hash.digest("hex")}`;
    if (actual === digest && bytes === size) return;
    report({
      kind: "corrupt",
      repository,
      digest,
      detail: `${bytes} bytes with the digest ${actual}, not ${size} bytes`,
    });
  }

  async function manifest(
    repository: RepositoryName,
    reference: Reference,
    how: "named" | "listed" | "child",
  ): Promise<void> {
    signal.throwIfAborted();
    if ("digest" in reference && !first(`${repository}@${reference.digest}`)) return;
    let found;
    try {
      found = await access.content.manifest(repository, reference);
    } catch (error) {
      if (!(error instanceof NotFoundError) || !("digest" in reference) || how === "named") throw error;
      // Deleted since the list was made, as it may be; an index's manifest must not be.
      if (how === "listed") return;
      return report({ kind: "missing", repository, digest: reference.digest, detail: error.message });
    }
    const { digest, content, mediaType } = found;
    sums.manifests++;
    sums.bytes += content.byteLength;
    const actual = digestOf(content, algorithmOf(digest));
    const asked = "digest" in reference ? reference.digest : digest;
    if (actual !== asked) {
      return report({ kind: "corrupt", repository, digest: asked, detail: `the manifest has the digest ${actual}` });
    }
    const { config, layers, manifests } = contentsOf(content, mediaType);
    for (const part of [...(config === undefined ? [] : [config]), ...layers]) {
      await blob(repository, part.digest, part.size);
    }
    for (const child of manifests) await manifest(repository, { digest: child.digest }, "child");
  }

  async function repository(name: RepositoryName): Promise<void> {
    for await (const items of allOf((page) => access.content.manifests(name, page))) {
      for (const item of items) await manifest(name, { digest: item.digest as Digest }, "listed");
    }
  }

  if (targets.length === 0) {
    for await (const items of allOf((page) => access.content.repositories(page))) {
      for (const { name } of items) await repository(name as RepositoryName);
    }
  }
  for (const target of targets) {
    if (target.reference === undefined) await repository(target.repository);
    else await manifest(target.repository, target.reference, "named");
  }
  return sums;
}
