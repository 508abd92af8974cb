import { describe, expect, it } from "vitest";
import { newCluster } from "./cluster.ts";
import { newToken } from "./identity.ts";
import { labels } from "./labels.ts";
import { tenantName } from "./names.ts";
import { networkPolicy } from "./network-policy.ts";
import { quantity } from "./quantity.ts";
import { newTenant } from "./tenant.ts";

const accepts = (schema: { safeParse(value: unknown): { success: boolean } }, value: unknown): boolean =>
  schema.safeParse(value).success;

describe("a tenant's name", () => {
  it.each(["a", "acme", "acme-2", "0day", "a".repeat(57)])("may be %s", (name) => {
    expect(accepts(tenantName, name)).toBe(true);
  });

  it.each(["", "-a", "a-", "A", "a.b", "a_b", "a/b", "a b", "ä", "a\n", "a\u0000", "a".repeat(58), "..", 1, null])(
    "is never %j: it becomes a namespace and the first element of repositories",
    (name) => {
      expect(accepts(tenantName, name)).toBe(false);
    },
  );
});

describe("a quantity", () => {
  it.each(["0", "2", "500m", "4Gi", "1.5", ".5", "2.", "2e3", "2E3", "1E", "100k", "10n", "7u", "20Ti"])(
    "may be %s",
    (text) => {
      expect(accepts(quantity, text)).toBe(true);
    },
  );

  it.each([
    "",
    "-1",
    "+1",
    "1 Gi",
    "1gi",
    "1KB",
    "Gi",
    ".",
    "1e",
    "1e999",
    "0x10",
    "NaN",
    "Infinity",
    "9".repeat(33),
    2,
    null,
  ])("is never %j", (text) => {
    expect(accepts(quantity, text)).toBe(false);
  });
});

describe("labels", () => {
  it("take keys with and without a prefix, and empty values", () => {
    expect(accepts(labels, { tier: "gold", "acme.example/team": "", constructor: "x" })).toBe(true);
  });

  it.each([
    "pod-security.kubernetes.io/enforce",
    "kubernetes.io/metadata.name",
    "node.k8s.io/x",
    "capsule.clastix.io/tenant",
    "kubenova.io/tenant",
    "app.oam.dev/name",
  ])("refuse %s: the platform alone sets it", (key) => {
    expect(accepts(labels, { [key]: "x" })).toBe(false);
  });

  it("refuse what Kubernetes refuses", () => {
    const bad = [
      { "": "x" },
      { "-a": "x" },
      { a: "-x" },
      { a: "x".repeat(64) },
      { a: 1 },
      { "a/b/c": "x" },
      { "/a": "x" },
    ];
    expect(bad.filter((it) => accepts(labels, it))).toEqual([]);
    expect(accepts(labels, Object.fromEntries(Array.from({ length: 65 }, (_, i) => [`k${i}`, "v"])))).toBe(false);
  });
});

describe("a network policy", () => {
  it("takes what the API server takes", () => {
    const policy = {
      podSelector: { matchLabels: { app: "web" }, matchExpressions: [{ key: "tier", operator: "In", values: ["a"] }] },
      policyTypes: ["Ingress", "Egress"],
      ingress: [
        { from: [{ ipBlock: { cidr: "10.0.0.0/8", except: ["10.1.0.0/16"] } }], ports: [{ port: 80, endPort: 90 }] },
      ],
      egress: [{ to: [{ namespaceSelector: {}, podSelector: {} }], ports: [{ protocol: "UDP", port: "dns" }] }, {}],
    };
    expect(networkPolicy.safeParse(policy)).toMatchObject({ success: true });
  });

  it.each([
    [{}],
    [{ podSelector: {}, extra: 1 }],
    [{ podSelector: {}, ingress: [{ from: [{}] }] }],
    [{ podSelector: {}, ingress: [{ from: [{ ipBlock: { cidr: "10.0.0.0" } }] }] }],
    [{ podSelector: {}, ingress: [{ from: [{ ipBlock: { cidr: "10.0.0.0/8" }, podSelector: {} }] }] }],
    [{ podSelector: {}, egress: [{ ports: [{ endPort: 90 }] }] }],
    [{ podSelector: {}, egress: [{ ports: [{ port: 90, endPort: 80 }] }] }],
    [{ podSelector: {}, egress: [{ ports: [{ port: 70_000 }] }] }],
    [{ podSelector: {}, egress: [{ ports: [{ port: "80" }] }] }],
    [{ podSelector: { matchExpressions: [{ key: "a", operator: "In" }] } }],
    [{ podSelector: { matchExpressions: [{ key: "a", operator: "Exists", values: ["x"] }] } }],
  ])("refuses %j", (policy) => {
    expect(accepts(networkPolicy, policy)).toBe(false);
  });
});

describe("a new tenant", () => {
  it.each([
    { kind: "Group", name: "system:authenticated" },
    { kind: "Group", name: "system:serviceaccounts" },
    { kind: "User", name: "system:admin" },
    { kind: "ServiceAccount", name: "robot" },
    { kind: "Robot", name: "robot" },
    { kind: "User", name: "" },
    { kind: "User", name: "a\u0000b" },
  ])("is not owned by %j", (owner) => {
    expect(accepts(newTenant, { name: "acme", owners: [owner] })).toBe(false);
  });

  it("is owned by users, groups and service accounts by their full name", () => {
    const owners = [
      { kind: "User", name: "alice@acme.example" },
      { kind: "Group", name: "acme:admins" },
      { kind: "ServiceAccount", name: "system:serviceaccount:acme-owner:robot" },
    ];
    expect(accepts(newTenant, { name: "acme", owners })).toBe(true);
  });
});

describe("a new cluster", () => {
  it("takes no kubeconfig yet, and says so instead of dropping it", () => {
    expect(accepts(newCluster, { name: "local", kubeconfig: "apiVersion: v1" })).toBe(false);
  });
});

describe("a new token", () => {
  const tenant = "5f0c6f0e-8f0b-4f0a-8a3e-2d6b7c9e1f42";
  it.each([
    [{ subject: "a", roles: ["admin"] }, true],
    [{ subject: "a", roles: ["admin", "ops"] }, true],
    [{ subject: "a", roles: ["tenantOwner"], tenant }, true],
    [{ subject: "a", roles: ["projectDev", "readOnly"], tenant, ttlMinutes: 43_200 }, true],
    [{ subject: "a", roles: ["tenantOwner"] }, false],
    [{ subject: "a", roles: ["admin"], tenant }, false],
    [{ subject: "a", roles: ["admin", "readOnly"], tenant }, false],
    [{ subject: "a", roles: ["admin", "readOnly"] }, false],
    [{ subject: "a", roles: [] }, false],
    [{ subject: "a", roles: ["admin", "admin"] }, false],
    [{ subject: "a", roles: ["root"] }, false],
    [{ subject: "", roles: ["admin"] }, false],
    [{ subject: "a\nb", roles: ["admin"] }, false],
    [{ subject: "a", roles: ["admin"], ttlMinutes: 0 }, false],
    [{ subject: "a", roles: ["admin"], ttlMinutes: 43_201 }, false],
    [{ subject: "a", roles: ["admin"], ttlMinutes: 1.5 }, false],
    [{ subject: "a", roles: ["admin"], ttlMinutes: 1e300 }, false],
  ])("%j: %s", (token, expected) => {
    expect(accepts(newToken, token)).toBe(expected);
  });
});
