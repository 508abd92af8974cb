import { z } from "zod";
import { labelKeyPattern, longestLabelKey } from "./labels.ts";
import { namedSchemas } from "./registry.ts";

/**
 * Kubernetes quantity without a sign (`500m`, `4Gi`, `1.5`, `2e3`): a decimal number, then a binary suffix, a decimal
 * suffix or an exponent.
 */
const quantityPattern = /^(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[KMGTPE]i|[numkMGTPE]|[eE][-+]?[0-9]{1,2})?$/u;

export const quantity = z
  .string()
  .max(32)
  .regex(quantityPattern, 'not a Kubernetes quantity: write text such as "2", "500m" or "4Gi"')
  .register(namedSchemas, { id: "Quantity", description: 'Kubernetes quantity, not negative: "2", "500m", "4Gi".' });

const mostResources = 64;

/** Resource name (`cpu`, `requests.memory`, `count/deployments.apps`) to quantity. */
export const resourceQuantities = z
  .record(z.string().max(longestLabelKey).regex(labelKeyPattern, "not a Kubernetes resource name"), quantity)
  .refine((all) => Object.keys(all).length <= mostResources, { error: `at most ${mostResources} resources` })
  .register(namedSchemas, {
    id: "ResourceQuantities",
    description: `Kubernetes resource name to quantity, at most ${mostResources} entries.`,
  });
export type ResourceQuantities = z.output<typeof resourceQuantities>;
