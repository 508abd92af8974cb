import { StoreError } from "../errors/index.ts";
import type { PackageDescription, PackageLink } from "./contract.ts";

const limits = { text: 128, label: 256, labels: 64, links: 32, href: 2000, bytes: 24 * 1024 } as const;
const labelKey = /^[A-Za-z0-9](?:[A-Za-z0-9._/-]{0,61}[A-Za-z0-9])?$/;
const relation = /^[a-z0-9](?:[a-z0-9._-]{0,62}[a-z0-9])?$/;

/** What is said of a package, in the form in which it is kept. */
export interface CheckedDescription {
  readonly producer: string;
  readonly kind: string;
  readonly runId: string | undefined;
  readonly labels: Readonly<Record<string, string>>;
  readonly links: readonly PackageLink[];
}

function invalid(detail: string): StoreError {
  return new StoreError("PACKAGE_INVALID", detail);
}

function isPrintable(text: string): boolean {
  return text.isWellFormed() && !/[\p{Cc}\p{Zl}\p{Zp}]/u.test(text);
}

/** Of what somebody asks for: nothing is called by what is no text. @throws StoreError PACKAGE_INVALID */
export function checkTexts(texts: Readonly<Record<string, string | undefined>>): void {
  for (const [field, value] of Object.entries(texts)) {
    if (value !== undefined && !isPrintable(value)) throw invalid(`${field}: only printable characters`);
  }
}

function text(value: string, field: string): string {
  if (value.trim() !== "" && value.length <= limits.text && isPrintable(value)) return value;
  throw invalid(`${field} is 1 to ${limits.text} printable characters`);
}

/** Whether a manifest's annotation can be a label. */
export function isLabel(key: string, value: string): boolean {
  return labelKey.test(key) && value.length <= limits.label && isPrintable(value);
}

/** @throws StoreError PACKAGE_INVALID */
export function checkLabels(labels: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  const entries = Object.entries(labels);
  if (entries.length > limits.labels) throw invalid(`a package has at most ${limits.labels} labels`);
  for (const [key, value] of entries) {
    if (!isLabel(key, value)) {
      throw invalid(
        `label ${JSON.stringify(key.slice(0, 80))}: a key is 1 to 63 letters, digits, and . _ - / between them, a value at most ${limits.label} printable characters`,
      );
    }
    if (key.startsWith(reservedPrefix)) throw invalid(`labels that begin with ${reservedPrefix} are the store's own`);
  }
  // In order, so that one set of labels is one text.
  return Object.fromEntries(entries.toSorted(([a], [b]) => (a < b ? -1 : 1)));
}

/** Annotations of a package's manifest that are no labels. */
export const reservedPrefix = "io.waybill.";

/** @throws StoreError PACKAGE_INVALID */
export function checkLinks(links: readonly PackageLink[]): readonly PackageLink[] {
  if (links.length > limits.links) throw invalid(`a package has at most ${limits.links} links`);
  return links.map(({ rel, href }) => {
    if (!relation.test(rel))
      throw invalid("a link's rel is 1 to 64 lower-case letters, digits, and . _ - between them");
    if (href.length > limits.href || !isPrintable(href) || !URL.canParse(href)) {
      throw invalid(`a link's href is an absolute URI of at most ${limits.href} characters`);
    }
    return { rel, href };
  });
}

/** @throws StoreError PACKAGE_INVALID */
export function checkDescription(asked: PackageDescription): CheckedDescription {
  const described = {
    producer: text(asked.producer, "producer"),
    kind: text(asked.kind, "kind"),
    runId: asked.runId === undefined ? undefined : text(asked.runId, "runId"),
    labels: checkLabels(asked.labels ?? {}),
    links: checkLinks(asked.links ?? []),
  };
  checkSize(described);
  return described;
}

/** Both are told in one event. @throws StoreError PACKAGE_INVALID */
export function checkSize(of: { readonly labels: object; readonly links: object }): void {
  if (Buffer.byteLength(JSON.stringify([of.labels, of.links])) <= limits.bytes) return;
  throw invalid(`labels and links together have at most ${limits.bytes} bytes as JSON`);
}
