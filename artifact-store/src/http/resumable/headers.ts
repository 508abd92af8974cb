/**
 * The header fields of both protocols as values. Whatever is not as its specification says is undefined: the caller knows
 * whether that is to be ignored (Structured Fields) or refused (tus).
 */

/** A non-negative integer of at most 15 digits, which both protocols and a JavaScript number hold. */
export function parseSize(text: string | undefined): number | undefined {
  return text !== undefined && /^\d{1,15}$/.test(text) ? Number(text) : undefined;
}

/** An Item of Structured Fields (RFC 9651 section 3.3) without its parameters, which no field here has. */
function bareItem(text: string | undefined): string | undefined {
  return text?.split(";", 1)[0]?.trim();
}

/** `Upload-Offset`, `Upload-Length`, `Upload-Draft-Interop-Version` of the IETF draft. */
export function parseInteger(text: string | undefined): number | undefined {
  return parseSize(bareItem(text));
}

/** `Upload-Complete` of the IETF draft. */
export function parseBoolean(text: string | undefined): boolean | undefined {
  const item = bareItem(text);
  return item === "?1" ? true : item === "?0" ? false : undefined;
}

/** Digests of `Repr-Digest` (RFC 9530 section 3) that the store knows, as `sha256:…`; the strongest first. */
export function parseReprDigest(text: string | undefined): string | undefined {
  const found = new Map<string, string>();
  for (const member of (text ?? "").split(",")) {
    const match = /^\s*(sha-256|sha-512)=:([A-Za-z0-9+/]+={0,2}):\s*$/.exec(member);
    const [, algorithm, value] = match ?? [];
    if (algorithm === undefined || value === undefined) continue;
    found.set(algorithm.replace("-", ""), Buffer.from(value, "base64").toString("hex"));
  }
  const algorithm = ["sha512", "sha256"].find((name) => found.has(name));
  return algorithm === undefined ? undefined : `${algorithm}:${found.get(algorithm)}`;
}

/** A digest as `Repr-Digest` says it. */
export function reprDigest(digest: string): string {
  const [algorithm = "", hex = ""] = digest.split(":");
  return `${algorithm.replace("sha", "sha-")}=:${Buffer.from(hex, "hex").toString("base64")}:`;
}

const checksumAlgorithms = { md5: 16, sha1: 20, sha256: 32, sha512: 64 } as const;
export type ChecksumAlgorithm = keyof typeof checksumAlgorithms;
export const checksumAlgorithmNames = Object.keys(checksumAlgorithms) as readonly ChecksumAlgorithm[];

/** `Upload-Checksum` of tus: an algorithm's name, a space, and Base64 of a value of its length. */
export function parseChecksum(
  text: string,
): { readonly algorithm: ChecksumAlgorithm; readonly value: Uint8Array } | undefined {
  const [name = "", encoded = "", ...more] = text.split(" ");
  const algorithm = checksumAlgorithmNames.find((known) => known === name);
  if (algorithm === undefined || more.length > 0 || !/^[A-Za-z0-9+/]+={0,2}$/.test(encoded)) return undefined;
  const value = Buffer.from(encoded, "base64");
  return value.byteLength === checksumAlgorithms[algorithm] ? { algorithm, value } : undefined;
}

/**
 * `Upload-Metadata` of tus: pairs of a key and Base64, between commas. Undefined when it is not, or a key comes twice; the
 * store gives it back as it came, and looks itself at `digest` alone.
 */
export function parseMetadata(text: string): ReadonlyMap<string, string> | undefined {
  const pairs = new Map<string, string>();
  for (const pair of text.split(",")) {
    const [key = "", encoded = "", ...more] = pair.trim().split(" ");
    if (!/^[!-+\--~]+$/.test(key) || more.length > 0 || pairs.has(key)) return undefined;
    if (!/^[A-Za-z0-9+/]*={0,2}$/.test(encoded)) return undefined;
    pairs.set(key, Buffer.from(encoded, "base64").toString());
  }
  return pairs;
}

/** `Upload-Concat` of tus: `partial`, or `final;` and the locations of the parts, of which the last element is the id. */
export function parseConcat(
  text: string,
): { readonly part: "partial" } | { readonly part: "final"; readonly ids: readonly string[] } | undefined {
  if (text === "partial") return { part: "partial" };
  if (!text.startsWith("final;")) return undefined;
  const ids = text
    .slice("final;".length)
    .split(" ")
    .filter((location) => location !== "")
    .map((location) => location.split("/").at(-1) ?? "");
  return ids.length > 0 && ids.every((id) => /^[0-9a-f-]{36}$/.test(id)) ? { part: "final", ids } : undefined;
}
