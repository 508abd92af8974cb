import { execFile } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import { mkdir, readdir, readFile, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { openStore } from "@waybill/artifact-store";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openStorePlace, placeKinds, type PlaceKind, type StorePlace } from "./harness/store-places.ts";

const run = promisify(execFile);

async function makeResults(folder: string): Promise<void> {
  await mkdir(join(folder, "evidence/deep"), { recursive: true });
  await writeFile(join(folder, "report.json"), '{"tests":3}\n');
  await writeFile(join(folder, "evidence/log.txt"), "all tests passed\n");
  await writeFile(join(folder, "evidence/deep/empty"), "");
  await writeFile(join(folder, "evidence/big.bin"), randomBytes(6_000_000));
}

/** What differs from run to run, and between a folder and a server: times, ids, digests, who, speeds. */
function withoutChance(text: string): string {
  return (
    text
      .replaceAll(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, "TIME")
      .replaceAll(/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, "UUID")
      .replaceAll(/sha256:[0-9a-f]{64}/g, "DIGEST")
      .replaceAll(/"(?:holder|createdBy)":"[^"]*"|by [\w.-]+(?=:| \()/g, "HOLDER")
      .replaceAll(/whsec_[\w+/=]+/g, "SECRET")
      .replaceAll(/"cursor":\d+/g, "CURSOR")
      .replaceAll(/[\d.]+ [KMGT]?i?B\/s/g, "SPEED")
      // How far it had come, told now and then: a slow machine tells it more often.
      .replaceAll(/^(\w+): .*SPEED\n(?=\1: .*SPEED$)/gm, "")
  );
}

/** One after the other: the exit code, and the words. */
const words: readonly (readonly [code: number, ...words: string[]])[] = [
  [
    0,
    "put",
    "results",
    "acme/results:nightly",
    "--producer",
    "ci",
    "--kind",
    "junit",
    "--run-id",
    "7",
    "--label",
    "outcome=passed",
  ],
  [0, "put", "results/report.json", "acme/results", "--json"],
  [0, "ls"],
  [0, "ls", "--json"],
  [0, "ls", "--packages", "--label", "outcome=passed"],
  [0, "ls", "--packages", "--json", "--producer", "ci"],
  [0, "ls", "--packages", "--json", "--kind", "none"],
  [0, "show", "acme/results:nightly"],
  [0, "show", "acme/results:nightly", "--json", "--at", "2099-01-01"],
  [0, "class", "ci", "--lifetime", "30d", "--longest", "365d", "--untagged", "7d"],
  [0, "class", "--json"],
  [0, "retain", "acme/results:nightly", "--class", "ci"],
  [0, "retain", "acme/results:nightly", "--until", "90d", "--why", "supported"],
  [1, "retain", "acme/results:nightly", "--until", "900d", "--why", "too long"],
  [0, "retain", "acme/results", "--class", "ci", "--json"],
  [0, "hold", "acme/results:nightly", "case-7", "--why", "a lawsuit", "--json"],
  [4, "hold", "acme/results:none", "case-7", "--why", "a lawsuit"],
  [0, "release", "acme/results:nightly", "case-7", "--json"],
  [4, "release", "acme/results:nightly", "case-7"],
  [0, "pin", "acme/results:nightly", "web-7", "--why", "revision 7 of app web runs this", "--json"],
  [0, "pin", "acme/results:nightly", "web-7", "--why", "revision 8 of app web runs this"],
  [4, "pin", "acme/results:none", "web-7", "--why", "it runs"],
  [0, "show", "acme/results:nightly"],
  [4, "release", "acme/results:nightly", "web-7"],
  [0, "unpin", "acme/results:nightly", "web-7", "--json"],
  [4, "unpin", "acme/results:nightly", "web-7"],
  [0, "get", "acme/results:nightly", "--output", "out"],
  [0, "get", "acme/results:nightly", "--output", "out.tar", "--json"],
  [1, "get", "acme/results:nightly", "--output", "out.tar"],
  [0, "get", "acme/results:nightly", "--file", "report.json", "--output", "-"],
  [4, "get", "acme/results:nightly", "--file", "none", "--output", "-"],
  [4, "get", "acme/results:nope", "--output", "out2"],
  [0, "export", "acme/results:nightly", "--output", "layout", "--retention"],
  [0, "export", "acme/results:nightly", "--output", "layout.tar", "--json"],
  [0, "import", "layout", "acme/copy", "--retention"],
  [0, "import", "layout.tar", "acme/copy:other", "--json"],
  [0, "verify", "acme/copy:other"],
  [0, "verify", "--json"],
  [0, "audit"],
  [0, "audit", "--json", "--quiet"],
  [0, "uploads"],
  [4, "uploads", "--cancel", "00000000-0000-4000-8000-000000000000"],
  [0, "gc", "--dry-run"],
  [0, "gc", "--json"],
  [0, "gc", "--dry-run", "--save", "plan.json", "--json"],
  [1, "gc", "--dry-run", "--save", "plan.json"],
  [0, "gc", "--plan", "plan.json", "--json"],
  [1, "gc", "--plan", "policy.json"],
  [0, "simulate", "--at", "2099-01-01", "--policy", "policy.json", "--each"],
  [0, "simulate", "--at", "30d", "--json"],
  [1, "simulate", "--at", "30d", "--policy", "plan.json"],
  [0, "tag-policy", "put", "few", "acme/*", "--last", "1", "--keep", "v*", "--used-within", "12h", "--json"],
  [0, "tag-policy", "list", "--json"],
  [0, "tag-policy", "judge", "acme/results"],
  [2, "tag-policy", "judge", "acme/nowhere:none"],
  [4, "tag-policy", "judge", "acme/nope"],
  [1, "tag-policy", "put", "Few", "acme/*", "--last", "1"],
  [0, "tag-policy", "remove", "few", "--json"],
  [4, "tag-policy", "remove", "few"],
  [0, "webhook", "add", "https://states.example/hooks", "--type", "package.*", "--key", "hub-1", "--json"],
  [0, "webhook", "add", "https://states.example/hooks", "--type", "package.*", "--key", "hub-1", "--json"],
  [1, "webhook", "add", "https://states.example/others", "--key", "hub-1"],
  [1, "webhook", "add", "states.example"],
  [1, "webhook", "add", "https://states.example/hooks", "--type", "Package"],
  [1, "webhook", "add", "https://states.example/hooks", "--secret-file", "none"],
  [2, "webhook", "add", "https://states.example/hooks", "--after", "now"],
  [2, "webhook", "add", "https://states.example/hooks", "--key", "with blanks"],
  [0, "webhook", "list", "--json"],
  [4, "webhook", "show", "00000000-0000-4000-8000-000000000000"],
  [4, "webhook", "dead-letters", "00000000-0000-4000-8000-000000000000", "--json"],
  [4, "webhook", "redeliver", "00000000-0000-4000-8000-000000000000", "1"],
  [2, "webhook", "redeliver", "00000000-0000-4000-8000-000000000000", "first"],
  [4, "webhook", "remove", "00000000-0000-4000-8000-000000000000", "--json"],
  [1, "class", "ci", "--remove"],
  [0, "class", "passing", "--lifetime", "1d", "--json"],
  [0, "class", "passing", "--remove", "--json"],
];

const policy = JSON.stringify({
  classes: [{ name: "weekly", lifetimeMs: 604_800_000 }],
  repositories: [{ matching: "acme/copy", class: "weekly" }],
  tags: [{ matching: "acme/results", rules: { matching: ["v*"] } }],
});

describe("the same words and the same answers, for a folder and for a server", () => {
  it("on all commands, each with its exit code", async () => {
    const tell = async (kind: PlaceKind): Promise<string[]> => {
      await using place = await openStorePlace(kind);
      await makeResults(join(place.work, "results"));
      await writeFile(join(place.work, "policy.json"), policy);
      const answers: string[] = [];
      for (const [, ...one] of words) {
        const { code, stdout, stderr } = await place.run(one);
        if (one.includes("--json")) for (const line of stdout.trim().split("\n")) if (line !== "") JSON.parse(line);
        // Steps come in the order of digests, and those differ with times.
        const shown = one.includes("--each") ? stdout.split("\n").toSorted().join("\n") : stdout;
        answers.push(withoutChance(`${one.join(" ")} → ${code}\n${shown}${stderr}`));
      }
      await run("diff", ["-r", join(place.work, "results"), join(place.work, "out")]);
      return answers;
    };
    const [folder = [], server = []] = await Promise.all(placeKinds.map(tell));
    expect(server).toEqual(folder);
    const firstLines = folder.map((answer) => answer.split("\n", 1)[0]);
    expect(firstLines).toEqual(words.map(([code, ...one]) => withoutChance(`${one.join(" ")} → ${code}`)));
    const simulated = folder.find((answer) => answer.startsWith("simulate --at 2099-01-01"));
    expect(simulated).toContain("remove-tag acme/results:nightly: may go because no rule keeps it");
    expect(simulated).toMatch(/^acme\/copy +0 +1 +-$/m);
    expect(simulated).toMatch(/^all +1 +2 +[\d.]+ [KM]?i?B$/m);
    const shown = folder.filter((answer) => answer.startsWith("show acme/results:nightly →"));
    expect(shown.map((answer) => /^pinned: +web-7 HOLDER: revision 8 of app web runs this$/m.test(answer))).toEqual([
      false,
      true,
    ]);
    // So many processes of the program, one after the other, on a machine that has other work, too.
  }, 1_800_000);
});

describe.each(placeKinds)("a store in %s", (kind) => {
  let place: StorePlace;
  beforeAll(async () => {
    place = await openStorePlace(kind);
    await makeResults(join(place.work, "results"));
    await place.good(["put", "results", "acme/results:v1", "--quiet"]);
  });
  afterAll(async () => place?.[Symbol.asyncDispose]());

  it("gets back what was put, as a folder, as archives of each format, and as one file", async () => {
    await place.good(["get", "acme/results:v1", "-o", "back"]);
    await run("diff", ["-r", join(place.work, "results"), join(place.work, "back")]);
    for (const [name, unpack] of [
      ["back.tar", "tar -xf back.tar -C"],
      ["back.tar.gz", "tar -xzf back.tar.gz -C"],
      ["back.zip", "unzip -q back.zip -d"],
    ] as const) {
      await place.good(["get", "acme/results:v1", "-o", name]);
      await mkdir(join(place.work, `${name}.d`));
      await run("sh", ["-c", `${unpack} ${name}.d`], { cwd: place.work });
      await run("diff", ["-r", join(place.work, "results"), join(place.work, `${name}.d`)]);
    }
    const { stdout } = await place.run(["get", "acme/results:v1", "--file", "evidence/log.txt", "-o", "-"]);
    expect(stdout).toBe("all tests passed\n");
    expect((await readdir(place.work)).filter((name) => name.includes("partial"))).toEqual([]);
  });

  it("says of what was deleted when that was, and why", async () => {
    const put = ["put", "results/report.json", "acme/gone:v1", "--run-id", "gone-1", "--json", "--quiet"];
    const { id, digest } = JSON.parse(await place.good(put)) as { readonly id: string; readonly digest: string };
    if (place.server === undefined) {
      const store = await openStore({ root: place.root });
      await store.packages.delete(id, "superseded");
      await store.close();
    } else {
      await fetch(`${place.server.url}/api/v1/packages/${id}?reason=superseded`, { method: "DELETE" });
    }
    const shown = await place.run(["show", `acme/gone@${digest}`]);
    expect([shown.code, shown.stderr]).toEqual([4, expect.stringMatching(/it was deleted at 2\S+Z \(superseded\)/)]);
    const [tombstone = ""] = (await place.good(["ls", "acme/gone", "--deleted", "--json"])).split("\n");
    expect(JSON.parse(tombstone)).toEqual({ digest, reason: "superseded", deletedAt: expect.any(String) as string });
    expect(await place.good(["ls", "acme/gone", "--deleted"])).toMatch(/^sha256:\S+ +2\S+Z +superseded$/m);
    const [gone = ""] = (await place.good(["ls", "--packages", "--deleted", "--run-id", "gone-1", "--json"])).split(
      "\n",
    );
    expect(JSON.parse(gone)).toMatchObject({ id, state: "deleted", reason: "superseded" });
    expect(await place.good(["ls", "--packages", "--deleted"])).toMatch(/gone-1 .* superseded$/m);
    expect(await place.good(["ls", "--packages", "--run-id", "gone-1", "--json"])).toBe("");
    expect((await place.run(["ls", "--deleted"])).code).toBe(2);
  });

  it("sends what is missing and nothing else", async () => {
    await writeFile(join(place.work, "results/new.txt"), "new\n");
    const again = JSON.parse(await place.good(["put", "results", "acme/results:v2", "--json"])) as Record<
      string,
      unknown
    >;
    expect(again).toMatchObject({ sent: 4, fileCount: 5, tag: "v2" });
  });

  it("replaces other files only when told to, never a folder, and never writes through a link", async () => {
    await mkdir(join(place.work, "taken"));
    await mkdir(join(place.work, "elsewhere"));
    await writeFile(join(place.work, "taken/report.json"), "mine");
    const refused = await place.run(["get", "acme/results:v1", "-o", "taken"]);
    expect([refused.code, refused.stderr]).toEqual([1, expect.stringContaining("--force")]);
    expect(await readFile(join(place.work, "taken/report.json"), "utf8")).toBe("mine");
    await place.good(["get", "acme/results:v1", "-o", "taken", "--force"]);
    expect(await readFile(join(place.work, "taken/report.json"), "utf8")).toBe('{"tests":3}\n');

    await mkdir(join(place.work, "linked"));
    await symlink(join(place.work, "elsewhere"), join(place.work, "linked/evidence"));
    const linked = await place.run(["get", "acme/results:v1", "-o", "linked", "--force"]);
    expect([linked.code, linked.stderr]).toEqual([1, expect.stringContaining("is a symbolic link")]);
    expect(await readdir(join(place.work, "elsewhere"))).toEqual([]);

    await mkdir(join(place.work, "blocked/report.json"), { recursive: true });
    expect((await place.run(["get", "acme/results:v1", "-o", "blocked", "--force"])).stderr).toContain("is a folder");
  });

  it("refuses links, devices and pipes, or leaves them out", async () => {
    await mkdir(join(place.work, "special"));
    await writeFile(join(place.work, "special/plain"), "plain");
    await symlink("/etc/passwd", join(place.work, "special/link"));
    await run("mkfifo", [join(place.work, "special/pipe")]);
    const refused = await place.run(["put", "special", "acme/special"]);
    expect([refused.code, refused.stderr]).toEqual([1, expect.stringContaining("--skip-special")]);
    const { code, stdout, stderr } = await place.run(["put", "special", "acme/special", "--skip-special", "--json"]);
    expect([code, stderr]).toEqual([0, expect.stringContaining("left out: 2")]);
    expect(JSON.parse(stdout)).toMatchObject({ fileCount: 1, skipped: 2 });
  });

  it("finds damaged and missing bytes, and ends with 6", async () => {
    await writeFile(join(place.work, "precious"), "precious bytes");
    await place.good(["put", "precious", "acme/precious:v1"]);
    const hex = createHash("sha256").update("precious bytes").digest("hex");
    const blob = join(place.root, "blobs/sha256", hex.slice(0, 2), hex);
    await writeFile(blob, "PRECIOUS bytes");
    const audited = await place.run(["audit", "--quiet"]);
    expect([audited.code, audited.stdout, audited.stderr]).toEqual([
      6,
      expect.stringContaining(`corrupt sha256:${hex}: 14 bytes with the digest`),
      expect.stringContaining("1 blob is missing or corrupt"),
    ]);
    const damaged = await place.run(["verify", "acme/precious:v1", "--json", "--quiet"]);
    expect(damaged.code).toBe(6);
    expect(JSON.parse(damaged.stdout.split("\n")[0] ?? "")).toMatchObject({ kind: "corrupt", digest: `sha256:${hex}` });
    const got = await place.run(["get", "acme/precious:v1", "-o", "precious-back"]);
    expect([got.code, await readdir(join(place.work, "precious-back"))]).toEqual([
      6,
      [expect.stringContaining("partial")],
    ]);
    expect((await place.run(["get", "acme/precious:v1", "--file", "precious", "-o", "-"])).code).toBe(6);
    // Pushed again, it heals; the half that was received is begun anew.
    await place.good(["put", "precious", "acme/again:v1"]);
    await place.good(["get", "acme/precious:v1", "-o", "precious-back"]);
    await place.good(["verify"]);
  });

  it("exchanges images with skopeo, as folders and as archives", async () => {
    await place.good(["export", "acme/results:v1", "-o", "to-skopeo.tar"]);
    await place.good(["export", "acme/results:v1", "-o", "to-skopeo"]);
    for (const source of ["oci-archive:to-skopeo.tar:v1", "oci:to-skopeo:v1"]) {
      await run("skopeo", ["copy", source, "oci:from-skopeo:v1"], { cwd: place.work });
    }
    await run("skopeo", ["copy", "oci:to-skopeo:v1", "oci-archive:from-skopeo.tar:again"], { cwd: place.work });
    const digestOf = async (reference: string): Promise<string> =>
      (JSON.parse(await place.good(["show", reference, "--json"])) as { manifest: { digest: string } }).manifest.digest;
    await place.good(["import", "from-skopeo", "acme/round"]);
    await place.good(["import", "from-skopeo.tar", "acme/round"]);
    expect(await digestOf("acme/round:v1")).toBe(await digestOf("acme/results:v1"));
    expect(await digestOf("acme/round:again")).toBe(await digestOf("acme/results:v1"));
  });

  it("refuses a plan with a step that would not be done, with 7, and does nothing", async () => {
    const { manifest } = JSON.parse(await place.good(["show", "acme/results:v1", "--json"])) as {
      manifest: { digest: string };
    };
    await place.good(["gc", "--dry-run", "--save", "plan.json"]);
    const saved = JSON.parse(await readFile(join(place.work, "plan.json"), "utf8")) as { plan: { steps: object[] } };
    saved.plan.steps.push({ kind: "delete-manifest", repository: "acme/results", digest: manifest.digest });
    await writeFile(join(place.work, "plan.json"), JSON.stringify(saved));
    const { code, stdout, stderr } = await place.run(["gc", "--plan", "plan.json"]);
    const said = `the world has moved on: delete-manifest acme/results@${manifest.digest}`;
    expect([code, stdout, stderr]).toEqual([7, "", expect.stringContaining(said)]);
    await place.good(["show", "acme/results:v1"]);
  });

  it("takes over class, expiry and holds with --retention", async () => {
    await place.good(["class", "brief", "--lifetime", "1d"]);
    await place.good(["retain", "acme/results:v1", "--class", "brief"]);
    await place.good(["retain", "acme/results:v1", "--until", "20d", "--why", "needed"]);
    await place.good(["hold", "acme/results:v1", "case-9", "--why", "evidence"]);
    await place.good(["export", "acme/results:v1", "-o", "kept.tar", "--retention"]);
    await place.good(["import", "kept.tar", "acme/kept", "--retention"]);
    const record = async (reference: string): Promise<Record<string, unknown>> =>
      JSON.parse(await place.good(["retain", reference, "--json"])) as Record<string, unknown>;
    const [before, after] = [await record("acme/results:v1"), await record("acme/kept:v1")];
    expect([after["class"], after["expiresAt"]]).toEqual(["brief", before["expiresAt"]]);
    expect(after["holds"]).toMatchObject([{ name: "case-9", why: expect.stringContaining("evidence") as string }]);
    await place.good(["release", "acme/results:v1", "case-9"]);
    await place.good(["release", "acme/kept:v1", "case-9"]);
  });
});

describe("a wrong use", () => {
  let place: StorePlace;
  beforeAll(async () => {
    place = await openStorePlace("a folder");
    await makeResults(join(place.work, "results"));
    await place.good(["put", "results", "acme/results:v1", "--quiet"]);
  });
  afterAll(async () => place?.[Symbol.asyncDispose]());

  it.each([
    [["put", "results"], 2, "put what, and where?"],
    [["put", "nothing-here", "acme/x"], 1, "cannot be read"],
    [["put", "results", "Acme/X"], 2, "is no repository name"],
    [["get", "acme/results", "-o", "x"], 2, "a manifest is needed"],
    [["get", "acme/results:v1"], 2, "--output"],
    [["show", "acme/results@sha256:12"], 2, "has no digest"],
    [["ls", "--producer", "ci"], 2, "--packages"],
    [["ls", "--limit", "0"], 2, "--limit"],
    [["retain", "acme/results:v1", "--until", "soon", "--why", "x"], 2, "--until must be a time"],
    [["retain", "acme/results:v1", "--until", "3d"], 2, "--why"],
    [["import", "nothing.tar", "acme/x"], 1, "there is nothing at"],
    [["import", "results", "acme/x"], 1, "Is this an OCI image layout?"],
    [["import", "results/report.json", "acme/x"], 1, "Is this an OCI image layout"],
    [["class", "none"], 2, "there is no class"],
  ])("%j ends with %d and says what to do", async (command, code, said) => {
    const result = await place.run(command);
    expect([result.code, result.stderr]).toEqual([code, expect.stringContaining(said)]);
    expect(result.stderr).not.toContain("bug in Waybill");
  });
});
