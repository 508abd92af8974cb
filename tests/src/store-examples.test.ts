import { execFile } from "node:child_process";
import { mkdir, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import { expect, it } from "vitest";
import { runPage } from "./harness/page-commands.ts";
import { openStorePlace, placeKinds, type StorePlace } from "./harness/store-places.ts";
import { launcher, runWaybill } from "./harness/waybill.ts";

const run = promisify(execFile);
const root = resolve(import.meta.dirname, "../..");

/** Variables that lead to this store, and a PATH on which `waybill` is this checkout's. */
function environmentOf(place: StorePlace): NodeJS.ProcessEnv {
  const where = place.server === undefined ? { ARTIFACT_STORE_ROOT: place.root } : { WAYBILL_SERVER: place.server.url };
  const home = { HOME: place.work, XDG_STATE_HOME: join(place.work, "state") };
  return { ...process.env, ...home, ...where, PATH: `${resolve(launcher, "..")}:${process.env["PATH"] ?? ""}` };
}

it.each(placeKinds)("the commands of docs/command-line.md run as they are written, on a store in %s", async (kind) => {
  await using place = await openStorePlace(kind);
  const blocks = await runPage("command-line.md", { cwd: place.work, environment: environmentOf(place) });
  const [packages = "", looking = "", , plans = "", elsewhere = "", webhooks = ""] = blocks;
  expect(packages).toContain("all passed");
  expect(looking).toMatch(/^kept because it has tag nightly/m);
  expect(plans).toMatch(/^few +acme\/\* +20 +v\* +30d$/m);
  expect(plans).toMatch(/^nightly +stays +kept because it is one of the last 20$/m);
  expect(plans).toMatch(/^all +0 +1 +[\d.]+ (?:B|KiB)$/m);
  expect(elsewhere).toContain("acme/copy@sha256:");
  expect(webhooks).toMatch(/^secret: +whsec_\S+$/m);
  expect(webhooks).toMatch(/^url: +https:\/\/states\.example\/hooks\/waybill$/m);
});

/** The commands under "Examples:", without what explains them. */
async function examplesOf(command: string): Promise<string[]> {
  const { stdout } = await runWaybill(["store", ...command.split(" "), "--help"]);
  return (/^Examples:\n((?: {2}.*\n)+)/m.exec(stdout)?.[1] ?? "")
    .split("\n")
    .map((line) => line.trim().replace(/ {2,}\S.*$/, ""))
    .filter((line) => line !== "");
}

/** The policy that the help of `simulate` shows. */
async function policyOfHelp(): Promise<string> {
  const { stdout } = await runWaybill(["store", "simulate", "--help"]);
  return /^ {2}\{\n[\s\S]*?^ {2}\}$/m.exec(stdout)?.[0] ?? "";
}

it("every example of --help runs as it is written, but for the names of servers and other people's folders", async () => {
  await using place = await openStorePlace("a server");
  const url = place.server?.url ?? "";
  const env = environmentOf(place);
  const script = async (text: string): Promise<string> =>
    (await run("bash", ["-euo", "pipefail", "-c", text], { cwd: place.work, env })).stdout;
  await mkdir(join(place.work, "results"));
  await writeFile(join(place.work, "results/report.html"), "<p>passed</p>");
  await writeFile(join(place.work, "results/log.txt"), "passed\n");
  await writeFile(join(place.work, "token"), "one-that-nobody-asks-for");
  await writeFile(join(place.work, "policy.json"), await policyOfHelp());
  await script(`cp results/* . && mkdir runs &&
    tar -xzf ${root}/artifact-store/fixtures/cmis-run-20261121T080131Z-browser-version.tar.gz -C runs &&
    mv runs/* runs/20261121T080131Z &&
    waybill store class ci --lifetime 30d --longest 365d && waybill store class release --lifetime 90d --longest 900d &&
    waybill store put results acme/results:nightly && waybill store put results acme/app:v1 &&
    waybill store put report.html acme/app:v2`);
  const webhook = (await script("waybill store webhook add https://states.example/hooks --json | jq -r .id")).trim();
  const begun = await fetch(`${url}/v2/acme/app/blobs/uploads/`, { method: "POST" });
  const upload = begun.headers.get("location")?.split("/").at(-1) ?? "";
  await fetch(`${url}${begun.headers.get("location")}`, { method: "PATCH", body: "some bytes" });
  const commands = [
    "put",
    "ls",
    "show",
    "class",
    "retain",
    "hold",
    "pin",
    "uploads",
    "verify",
    "audit",
    "get",
    "export",
    "import",
    "gc",
    "simulate",
    "tag-policy put",
    "tag-policy list",
    "tag-policy judge",
    "tag-policy remove",
    "webhook add",
    "webhook list",
    "webhook show",
    "webhook dead-letters",
    "webhook remove",
  ];
  const failed: string[] = [];
  let ran = 0;
  for (const command of commands) {
    const examples = await examplesOf(command);
    if (examples.length === 0) throw new Error(`${command} has no examples`);
    for (const example of examples) {
      const written = example
        .replaceAll(/https?:\/\/(?:store\.example|127\.0\.0\.1:8080)/g, url)
        .replace(/docker:\/\/registry\.example\/(\S+)/, `docker://${new URL(url).host}/$1 --dest-tls-verify=false`)
        .replace("--root /var/lib/registry", "--root own-folder")
        .replace(/--cancel [0-9a-f-]{36}/, `--cancel ${upload}`)
        .replace(/(?<=webhook \S+ )[0-9a-f-]{36}/, webhook);
      if (written.includes("own-folder"))
        await script("waybill store put log.txt acme/own:v1 --root own-folder --quiet");
      ran++;
      await script(written).catch((error: unknown) => failed.push(`${written}: ${String(error)}`));
    }
  }
  expect(failed).toEqual([]);
  expect(ran).toBeGreaterThan(30);
});
