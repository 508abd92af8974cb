import { roles, type Principal, type Role } from "@waybill/foundation/auth";
import { describe, expect, it } from "vitest";
import {
  operationIds,
  operations,
  roleNames,
  tenantBoundRoles,
  type Operation,
  type OperationId,
} from "../../contract/index.ts";
import { decide, type Decision } from "./decide.ts";
import { mayIssue } from "./issuing.ts";
import { roleTable } from "./role-table.ts";

const mine = "11111111-1111-4111-8111-111111111111";
const theirs = "22222222-2222-4222-8222-222222222222";

function callerWith(role: Role): Principal {
  const bound = tenantBoundRoles.some((it) => it === role);
  return { subject: role, roles: [role], anonymous: false, ...(bound ? { tenant: "mine", tenantId: mine } : {}) };
}

type Expected = Record<Role | "stranger", Decision>;
const open: Expected = {
  stranger: "allowed",
  admin: "allowed",
  ops: "allowed",
  tenantOwner: "allowed",
  projectDev: "allowed",
  readOnly: "allowed",
};
const everyone: Expected = { ...open, stranger: "unauthenticated" };
const operatorsOnly: Expected = {
  ...everyone,
  tenantOwner: "forbidden",
  projectDev: "forbidden",
  readOnly: "forbidden",
};
const ownersToo: Expected = { ...everyone, projectDev: "forbidden", readOnly: "forbidden" };

/** Written by hand from the contract, not derived from the table under test. */
const onOwnTenant: Record<OperationId, Expected> = {
  getVersion: open,
  getFeatures: open,
  getOpenApiJson: open,
  getOpenApiYaml: open,
  createToken: operatorsOnly,
  getCaller: everyone,
  createSession: open,
  deleteSession: open,
  createCluster: operatorsOnly,
  listClusters: operatorsOnly,
  getCluster: operatorsOnly,
  deleteCluster: operatorsOnly,
  createTenant: operatorsOnly,
  listTenants: everyone,
  getTenant: everyone,
  deleteTenant: ownersToo,
};

const cases = operationIds.flatMap((id) => (["stranger", ...roles] as const).map((who) => ({ id, who })));

describe("the role table", () => {
  it("has a row for every operation and none besides", () => {
    expect(Object.keys(roleTable).toSorted()).toEqual([...operationIds].toSorted());
  });

  it("knows the same roles as the tokens do", () => {
    expect([...roleNames].toSorted()).toEqual([...roles].toSorted());
  });

  it.each(cases)("$who calls $id: as the contract says", ({ id, who }) => {
    const caller = who === "stranger" ? undefined : callerWith(who);
    expect(decide(roleTable[id], caller, mine)).toBe(onOwnTenant[id][who]);
  });

  const tenantCalls = operationIds.filter((id) => (operations[id] as Operation).path.includes("{tenantID}"));

  it("treats every path with a tenant in it as reaching that tenant", () => {
    expect(tenantCalls.length).toBeGreaterThan(0);
    expect(tenantCalls.filter((id) => roleTable[id].reach !== "tenant")).toEqual([]);
  });

  it.each(tenantCalls.flatMap((id) => tenantBoundRoles.map((who) => ({ id, who }))))(
    "$who of another tenant finds nothing by $id",
    ({ id, who }) => {
      expect(["hidden", "forbidden"]).toContain(decide(roleTable[id], callerWith(who), theirs));
      expect(decide(roleTable[id], callerWith(who), undefined)).not.toBe("allowed");
    },
  );

  it.each(operationIds.filter((id) => ["tenant", "installation"].includes(roleTable[id].reach)))(
    "a token that names a tenant never acts above it by %s, whatever its roles",
    (id) => {
      const odd: Principal = { subject: "odd", roles: ["admin"], tenantId: mine, tenant: "mine", anonymous: false };
      expect(["hidden", "forbidden"]).toContain(decide(roleTable[id], odd, theirs));
    },
  );

  it.each(operationIds.filter((id) => ["tenant", "tenants"].includes(roleTable[id].reach)))(
    "a role within a tenant without a tenant opens nothing by %s",
    (id) => {
      const odd: Principal = { subject: "odd", roles: ["tenantOwner"], anonymous: false };
      expect(decide(roleTable[id], odd, theirs)).toBe("hidden");
    },
  );
});

describe("making tokens", () => {
  const subsets = Array.from({ length: 2 ** roleNames.length - 1 }, (_, i) =>
    roleNames.filter((_role, bit) => ((i + 1) >> bit) % 2 === 1),
  );

  it.each(subsets)("%j: never more than the issuer has", (...wanted) => {
    expect(mayIssue(callerWith("admin"), wanted)).toBe(true);
    expect(mayIssue(callerWith("ops"), wanted)).toBe(!wanted.includes("admin"));
    for (const role of tenantBoundRoles) expect(mayIssue(callerWith(role), wanted)).toBe(false);
  });
});
