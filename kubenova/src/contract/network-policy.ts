import { z } from "zod";
import { labelKey, labelValue } from "./labels.ts";
import { dnsLabelPattern } from "./names.ts";
import { namedSchemas } from "./registry.ts";

const most = { rules: 50, peers: 50, ports: 50, values: 64 } as const;

const podLabels = z.record(labelKey, labelValue);

/** `metav1.LabelSelector`. */
const kubernetesSelector = z.strictObject({
  matchLabels: podLabels.optional(),
  matchExpressions: z
    .array(
      z
        .strictObject({
          key: labelKey,
          operator: z.enum(["In", "NotIn", "Exists", "DoesNotExist"]),
          values: z.array(labelValue).max(most.values).optional(),
        })
        .refine(
          (it) =>
            (it.operator === "In" || it.operator === "NotIn") === (it.values !== undefined && it.values.length > 0),
          {
            error: "In and NotIn need values, Exists and DoesNotExist have none",
            path: ["values"],
          },
        ),
    )
    .max(most.values)
    .optional(),
});

const cidr = z.union([z.cidrv4(), z.cidrv6()], { error: "not a network such as 10.0.0.0/8 or fd00::/8" });

const peer = z
  .strictObject({
    podSelector: kubernetesSelector.optional(),
    namespaceSelector: kubernetesSelector.optional(),
    ipBlock: z.strictObject({ cidr, except: z.array(cidr).max(most.values).optional() }).optional(),
  })
  .refine((it) => (it.ipBlock === undefined) !== (it.podSelector === undefined && it.namespaceSelector === undefined), {
    error: "either ipBlock, or podSelector and/or namespaceSelector",
  });

const portNumber = z.int().min(1).max(65_535);
const portName = z
  .string()
  .max(15)
  .regex(dnsLabelPattern, "not the name of a port")
  .regex(/[a-z]/u, "a port's name has at least one letter");

const port = z
  .strictObject({
    protocol: z.enum(["TCP", "UDP", "SCTP"]).optional(),
    port: z.union([portNumber, portName]).optional(),
    endPort: portNumber.optional(),
  })
  .refine((it) => it.endPort === undefined || (typeof it.port === "number" && it.endPort >= it.port), {
    error: "endPort needs a port that is a number and not greater",
    path: ["endPort"],
  });

const ports = z.array(port).max(most.ports).optional();
const peers = z.array(peer).max(most.peers).optional();

/** `networking.k8s.io/v1` NetworkPolicySpec, checked as the API server checks it. */
export const networkPolicy = z
  .strictObject({
    podSelector: kubernetesSelector,
    policyTypes: z
      .array(z.enum(["Ingress", "Egress"]))
      .max(2)
      .optional(),
    ingress: z
      .array(z.strictObject({ from: peers, ports }))
      .max(most.rules)
      .optional(),
    egress: z
      .array(z.strictObject({ to: peers, ports }))
      .max(most.rules)
      .optional(),
  })
  .register(namedSchemas, { id: "NetworkPolicy", description: "NetworkPolicySpec of networking.k8s.io/v1." });
export type NetworkPolicy = z.output<typeof networkPolicy>;
