import type { LayerStatus, PullCause } from "../contract/index.ts";
import { missingBytes } from "./time-left.ts";

/** @param share of what the sentence says; kept to 0..1 and two digits. */
export function pullCause(kind: PullCause["kind"], sentence: string, share?: number): PullCause {
  if (share === undefined) return { kind, sentence };
  return { kind, sentence, share: Math.round(Math.min(1, Math.max(0, share)) * 100) / 100 };
}

export function missingIn(layers: Iterable<LayerStatus>): number {
  let bytes = 0;
  for (const layer of layers) bytes += missingBytes(layer);
  return bytes;
}

/** `repository:tag` without the registry, and with a digest cut short. */
export function shortName(imageRef: string): string {
  const [name = imageRef, digest] = imageRef.split("@");
  const parts = name.split("/");
  const first = parts[0] ?? "";
  if (parts.length > 1 && (/[.:]/.test(first) || first === "localhost")) parts.shift();
  return digest === undefined ? parts.join("/") : `${parts.join("/")}@${digest.slice(0, 19)}`;
}
