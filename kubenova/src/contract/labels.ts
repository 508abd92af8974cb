import { z } from "zod";
import { namedSchemas } from "./registry.ts";

/** Qualified name: an optional DNS prefix with `/`, then 1 to 63 characters. */
export const labelKeyPattern =
  /^(?:[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?(?:\.[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?)*\/)?[A-Za-z0-9](?:[-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$/u;
export const labelValuePattern = /^(?:[A-Za-z0-9](?:[-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?$/u;

const longestPrefix = 253;
export const longestLabelKey = longestPrefix + 1 + 63;

/**
 * Prefixes that decide what a namespace may do (pod security, membership in a tenant): labels of a tenant flow to its
 * namespaces, so nobody sets them through this door.
 */
const reservedPrefixes = ["kubernetes.io", "k8s.io", "clastix.io", "kubenova.io", "oam.dev"] as const;

function isReserved(key: string): boolean {
  const slash = key.indexOf("/");
  if (slash < 0) return false;
  const prefix = key.slice(0, slash);
  return reservedPrefixes.some((reserved) => prefix === reserved || prefix.endsWith(`.${reserved}`));
}

/** A key as Kubernetes takes it, reserved or not. */
export const labelKey = z
  .string()
  .max(longestLabelKey)
  .regex(labelKeyPattern, "not a label key: [prefix/]name, where the name has 1 to 63 characters of [A-Za-z0-9-_.]");

export const labelValue = z
  .string()
  .max(63)
  .regex(
    labelValuePattern,
    "not a label value: at most 63 characters of [A-Za-z0-9-_.], a letter or digit at both ends",
  );

const mostLabels = 64;

/** Kubernetes labels that a caller chooses. */
export const labels = z
  .record(
    labelKey.refine((key) => !isReserved(key), {
      error: `prefixes under ${reservedPrefixes.join(", ")} are set by the platform, not by callers`,
    }),
    labelValue,
  )
  .refine((all) => Object.keys(all).length <= mostLabels, { error: `at most ${mostLabels} labels` })
  .register(namedSchemas, {
    id: "Labels",
    description: `Kubernetes labels, at most ${mostLabels}. Prefixes under ${reservedPrefixes.join(", ")} are refused.`,
  });
export type Labels = z.output<typeof labels>;
