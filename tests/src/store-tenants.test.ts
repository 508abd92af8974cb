import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createTokenAuthority, type Role } from "@waybill/foundation/auth";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openStorePlace, type StorePlace } from "./harness/store-places.ts";
import { runWaybill, type CommandResult } from "./harness/waybill.ts";

const signingKey = "a key for tests, longer than thirty-two bytes";

describe("two tenants at the command line", () => {
  let place: StorePlace;
  const tokens: Record<string, string> = {};
  const as = (who: string, words: readonly string[]): Promise<CommandResult> =>
    place.run(words, { WAYBILL_TOKEN: tokens[who] ?? "" });

  beforeAll(async () => {
    place = await openStorePlace("a server", { JWT_SIGNING_KEY: signingKey });
    const authority = createTokenAuthority({ key: Buffer.from(signingKey) });
    const issue = async (who: string, role: Role, tenant?: string): Promise<void> => {
      const claims = { subject: who, roles: [role], ttlSeconds: 600, ...(tenant === undefined ? {} : { tenant }) };
      tokens[who] = (await authority.issue(claims)).token;
    };
    await issue("admin", "admin");
    await issue("acme", "tenantOwner", "acme");
    await issue("developer", "projectDev", "acme");
    await issue("reader", "readOnly", "acme");
    await issue("globex", "tenantOwner", "globex");
    await writeFile(join(place.work, "secret.txt"), "secret");
    for (const [who, repository] of [
      ["acme", "acme/app"],
      ["globex", "globex/app"],
    ] as const) {
      const { code, stderr } = await as(who, ["put", "secret.txt", `${repository}:v1`]);
      if (code !== 0) throw new Error(stderr);
    }
  });
  afterAll(async () => place?.[Symbol.asyncDispose]());

  it("see their own, and hear of another's what they hear of what nobody made", async () => {
    expect((await as("globex", ["ls", "--json"])).stdout).toBe('{"name":"globex/app"}\n');
    expect((await as("admin", ["ls", "--json"])).stdout).toBe('{"name":"acme/app"}\n{"name":"globex/app"}\n');
    const packages = (await as("globex", ["ls", "--packages", "--json"])).stdout.trim().split("\n");
    expect(packages.map((line) => (JSON.parse(line) as { repository: string }).repository)).toEqual(["globex/app"]);
    for (const words of [
      ["ls", "REPOSITORY"],
      ["show", "REPOSITORY:v1"],
      ["get", "REPOSITORY:v1", "-o", "stolen"],
      ["export", "REPOSITORY:v1", "-o", "stolen"],
      ["verify", "REPOSITORY:v1"],
      ["retain", "REPOSITORY:v1"],
      ["retain", "REPOSITORY", "--class", "standard"],
      ["hold", "REPOSITORY:v1", "mine", "--why", "because"],
      ["release", "REPOSITORY:v1", "mine"],
      ["pin", "REPOSITORY:v1", "mine", "--why", "because"],
      ["unpin", "REPOSITORY:v1", "mine"],
      ["put", "secret.txt", "REPOSITORY:v2"],
      ["tag-policy", "judge", "REPOSITORY"],
    ]) {
      const about = async (repository: string): Promise<string> => {
        const { code, stdout, stderr } = await as(
          "globex",
          words.map((word) => word.replace("REPOSITORY", repository)),
        );
        return `${words.join(" ")} ${code} ${stdout}${stderr}`
          .replaceAll(repository, "R")
          .replaceAll(/[\d.]+ B\/s/g, "");
      };
      const there = await about("acme/app");
      expect(there).toBe(await about("acme/none"));
      expect(there).toContain(" 4 ");
    }
  });

  it("a reader changes nothing, a developer releases nothing, and a tenant collects nothing: exit code 5", async () => {
    expect((await as("reader", ["show", "acme/app:v1"])).code).toBe(0);
    expect((await as("reader", ["put", "secret.txt", "acme/app:v2"])).code).toBe(5);
    expect((await as("reader", ["hold", "acme/app:v1", "x", "--why", "y"])).code).toBe(5);
    expect((await as("developer", ["hold", "acme/app:v1", "x", "--why", "y"])).code).toBe(0);
    expect((await as("developer", ["release", "acme/app:v1", "x"])).code).toBe(5);
    const released = await as("acme", ["release", "acme/app:v1", "x"]);
    expect([released.code, released.stderr]).toEqual([0, ""]);
    expect((await as("reader", ["pin", "acme/app:v1", "x", "--why", "y"])).code).toBe(5);
    expect((await as("developer", ["pin", "acme/app:v1", "x", "--why", "y"])).code).toBe(0);
    expect((await as("reader", ["unpin", "acme/app:v1", "x"])).code).toBe(5);
    expect((await as("developer", ["unpin", "acme/app:v1", "x"])).code).toBe(0);
    expect((await as("acme", ["pin", "acme/app:v1", "x", "--why", "y"])).code).toBe(0);
    const foreign = await as("developer", ["unpin", "acme/app:v1", "x"]);
    expect([foreign.code, foreign.stderr]).toEqual([5, expect.stringContaining("or an owner of the tenant")]);
    expect((await as("acme", ["unpin", "acme/app:v1", "x"])).code).toBe(0);
    expect((await as("acme", ["gc"])).code).toBe(5);
    expect((await as("acme", ["gc", "--dry-run", "--save", "plan.json"])).code).toBe(5);
    expect((await as("acme", ["audit", "--quiet"])).code).toBe(5);
    expect((await as("acme", ["simulate", "--at", "90d"])).code).toBe(5);
    expect((await as("acme", ["tag-policy", "put", "few", "*", "--last", "1"])).code).toBe(5);
    expect((await as("acme", ["class", "mine", "--lifetime", "1d"])).code).toBe(5);
    expect((await as("admin", ["gc", "--dry-run"])).code).toBe(0);
    expect((await as("admin", ["audit", "--quiet"])).code).toBe(0);
  });

  it("nobody without a token, or with a wrong one: exit code 5, and what to do", async () => {
    for (const [environment, advice] of [
      [{}, "Set WAYBILL_TOKEN"],
      [{ WAYBILL_TOKEN: "made-up" }, "Get a new token"],
    ] as const) {
      const { code, stderr } = await place.run(["ls"], environment);
      expect([code, stderr]).toEqual([5, expect.stringContaining(advice)]);
      expect(stderr).not.toContain("made-up");
    }
  });

  it("come in with a token in a file, and with the log-in that docker or skopeo kept", async () => {
    await writeFile(join(place.work, "token"), `${tokens["acme"]}\n`);
    expect((await place.run(["ls", "--token-file", "token"])).stdout).toContain("acme/app");
    const auth = Buffer.from(`any:${tokens["globex"]}`).toString("base64");
    const { host } = new URL(place.server?.url ?? "");
    await writeFile(join(place.work, "auth.json"), JSON.stringify({ auths: { [host]: { auth } } }));
    expect((await place.run(["ls", "--authfile", "auth.json"])).stdout).toBe("REPOSITORY\nglobex/app\n");
    expect((await place.run(["ls"], { REGISTRY_AUTH_FILE: "auth.json" })).code).toBe(0);
  });
});

describe("a folder that a server holds", () => {
  it("is refused with exit code 3, and with the way to the server", async () => {
    await using place = await openStorePlace("a server");
    const { code, stderr } = await place.run(["ls", "--json"], {});
    expect([code, stderr]).toEqual([0, ""]);
    const held = await place.run(["ls", "--root", place.root]);
    expect([held.code, held.stderr]).toEqual([2, expect.stringContaining("--server and --root name two stores")]);
    const busy = await runWaybill(["store", "ls", "--root", place.root]);
    expect([busy.code, busy.stderr]).toEqual([3, expect.stringContaining("--server URL")]);
    const named = await runWaybill(["store", "ls", "--json"], { WAYBILL_SERVER: place.server?.url ?? "" });
    expect(named.code).toBe(0);
    const gone = await runWaybill(["store", "ls", "--server", "http://127.0.0.1:1"]);
    expect([gone.code, gone.stderr]).toEqual([1, expect.stringContaining("does not answer")]);
  });
});
