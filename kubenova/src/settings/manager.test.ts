import { readFileSync } from "node:fs";
import { readSettings, settingsTable } from "@waybill/foundation/config";
import { describe, expect, it } from "vitest";
import { planNames } from "../contract/index.ts";
import { managerSettings } from "./manager.ts";

describe("the manager's settings", () => {
  it("all have a default or may be left out", () => {
    expect(readSettings(managerSettings, { env: {} })).toMatchObject({
      requireAuth: false,
      environment: "development",
      defaultTenantPlan: "baseline",
    });
  });

  it("know the plans that there are", () => {
    expect(managerSettings.defaultTenantPlan.kind).toBe(planNames.join(", "));
  });

  it.each([
    ["JWT_SIGNING_KEY", "short"],
    ["KUBENOVA_DEFAULT_TENANT_PLAN", "platinum"],
    ["KUBENOVA_REQUIRE_AUTH", "perhaps"],
    ["KUBENOVA_ENV", "a b"],
  ])("%s=%s is refused by name, without quoting a secret", (variable, value) => {
    const read = (): unknown => readSettings(managerSettings, { env: { [variable]: value } });
    expect(read).toThrow(variable);
    expect(read).not.toThrow(/short/u);
  });

  it("stand in the documentation as they are now", () => {
    const page = readFileSync(new URL("../../../docs/kubenova.md", import.meta.url), "utf8");
    expect(page).toContain(settingsTable(managerSettings).trim());
  });
});
