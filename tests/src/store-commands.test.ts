import { execFile } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import { mkdir, readdir, readFile, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openStorePlace, placeKinds, type StorePlace } from "./harness/store-places.ts";

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
  return text
    .replaceAll(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, "TIME")
    .replaceAll(/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, "UUID")
    .replaceAll(/sha256:[0-9a-f]{64}/g, "DIGEST")
    .replaceAll(/"holder":"[^"]*"|by (root|anonymous|\w+):/g, "HOLDER")
    .replaceAll(/[\d.]+ [KMGT]?i?B\/s/g, "SPEED");
}

const words: readonly (readonly string[])[] = [
  [
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
  ["put", "results/report.json", "acme/results", "--json"],
  ["ls"],
  ["ls", "--json"],
  ["ls", "--packages", "--label", "outcome=passed"],
  ["ls", "--packages", "--json", "--producer", "ci"],
  ["ls", "--packages", "--json", "--kind", "none"],
  ["show", "acme/results:nightly"],
  ["show", "acme/results:nightly", "--json", "--at", "2099-01-01"],
  ["class", "ci", "--lifetime", "30d", "--longest", "365d", "--untagged", "7d"],
  ["class", "--json"],
  ["retain", "acme/results:nightly", "--class", "ci"],
  ["retain", "acme/results:nightly", "--until", "90d", "--why", "supported"],
  ["retain", "acme/results:nightly", "--until", "900d", "--why", "too long"],
  ["retain", "acme/results", "--class", "ci", "--json"],
  ["hold", "acme/results:nightly", "case-7", "--why", "a lawsuit"],
  ["hold", "acme/results:none", "case-7", "--why", "a lawsuit"],
  ["release", "acme/results:nightly", "case-7", "--json"],
  ["release", "acme/results:nightly", "case-7"],
  ["get", "acme/results:nightly", "--output", "out"],
  ["get", "acme/results:nightly", "--output", "out.tar", "--json"],
  ["get", "acme/results:nightly", "--output", "out.tar"],
  ["get", "acme/results:nightly", "--file", "report.json", "--output", "-"],
  ["get", "acme/results:nightly", "--file", "none", "--output", "-"],
  ["get", "acme/results:nope", "--output", "out2"],
  ["export", "acme/results:nightly", "--output", "layout", "--retention"],
  ["export", "acme/results:nightly", "--output", "layout.tar", "--json"],
  ["import", "layout", "acme/copy", "--retention"],
  ["import", "layout.tar", "acme/copy:other", "--json"],
  ["verify", "acme/copy:other"],
  ["verify", "--json"],
  ["uploads"],
  ["uploads", "--cancel", "00000000-0000-4000-8000-000000000000"],
  ["gc", "--dry-run"],
  ["gc", "--json"],
  ["class", "ci", "--remove"],
];

describe("the same words and the same answers, for a folder and for a server", () => {
  it("on all commands, each with its exit code", async () => {
    const told: string[][] = [];
    for (const kind of placeKinds) {
      await using place = await openStorePlace(kind);
      await makeResults(join(place.work, "results"));
      const answers: string[] = [];
      for (const one of words) {
        const { code, stdout, stderr } = await place.run(one);
        answers.push(withoutChance(`${one.join(" ")} → ${code}\n${stdout}${stderr}`));
      }
      for (const copy of ["out"]) await run("diff", ["-r", join(place.work, "results"), join(place.work, copy)]);
      told.push(answers);
    }
    const [folder = [], server = []] = told;
    expect(server).toEqual(folder);
    const codes = folder.map((answer) => / → (\d+)/.exec(answer)?.[1]);
    const expected = words.map((one) => {
      const text = one.join(" ");
      if (/:none|:nope|--file none|--cancel/.test(text)) return "4";
      return /900d|--remove/.test(text) ? "1" : "0";
    });
    // Released twice, got twice: the second time there is nothing to release, and something in the way.
    expected[18] = "4";
    expected[21] = "1";
    expect(codes).toEqual(expected);
  }, 300_000);
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
    await writeFile(blob, "precious bytes");
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
