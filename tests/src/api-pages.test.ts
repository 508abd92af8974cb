import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { createTokenAuthority } from "@waybill/foundation/auth";
import { temporaryFolder, type TemporaryFolder } from "@waybill/foundation/testing";
import { afterAll, beforeAll, expect, it } from "vitest";
import { runPage } from "./harness/page-commands.ts";
import { startWaybill, type RunningWaybill } from "./harness/waybill.ts";

const run = promisify(execFile);
const signingKey = "a key for tests, longer than thirty-two bytes";

let folder: TemporaryFolder;
let waybill: RunningWaybill;
let environment: NodeJS.ProcessEnv;
beforeAll(async () => {
  folder = await temporaryFolder("waybill-api-pages-");
  waybill = await startWaybill(
    ["store", "serve", "--root", join(folder.path, "store"), "--http", "127.0.0.1:0", "--metrics", "127.0.0.1:0"],
    { JWT_SIGNING_KEY: signingKey },
  );
  const authority = createTokenAuthority({ key: Buffer.from(signingKey) });
  const claims = { subject: "me", roles: ["tenantOwner"], tenant: "acme", ttlSeconds: 600 } as const;
  const { token } = await authority.issue(claims);
  environment = { ...process.env, STORE: waybill.url, TOKEN: token };
});
afterAll(async () => {
  await waybill?.close();
  await folder?.[Symbol.asyncDispose]();
});

it("the commands of docs/packages.md run as they are written, one after the other", async () => {
  const [sealed = "", read = "", found = "", ended = ""] = await runPage("packages.md", {
    cwd: folder.path,
    environment,
  });
  expect(sealed).toContain("sealed 2 files");
  expect(read).toBe("all went well\ntestsuites\n");
  expect(found).toBe("run-17\nsealed\n");
  expect(ended).toBe("kept because it is held by me (case-7: evidence)\nHELD\ndeleted: superseded\n");
  const { stdout: listed } = await run("tar", ["--zstd", "-tf", "run-17.tar.zst"], { cwd: folder.path });
  expect(listed).toBe("reports/junit.xml\nrun/evidence/server.log\n");
});

it("the commands of docs/events.md run as they are written: events are read, a subscription is one", async () => {
  const [asked = "", told = ""] = await runPage("events.md", { cwd: folder.path, environment });
  expect(asked).toBe("package.opened\n0\n");
  expect(told).toBe("whsec_\npackage.* 0 false\n0\n");
});

it("the commands of docs/uploads.md run as they are written, on both faces", async () => {
  const [draft = "", tus = ""] = await runPage("uploads.md", { cwd: folder.path, environment });
  expect(draft).toMatch(/^upload-offset: 6\r?$/im);
  const digest = "sha256:b94d27b9934d3e08a52e52d7da7dabfac484efe37a5380ee9088f7ace2efcde9";
  expect(draft).toContain(`{"digest":"${digest}","size":11}`);
  expect(draft).toMatch(/\nhello world\n$/);
  expect(tus).toBe(`/v2/acme/files/blobs/${digest}\n`);
});

it("an upload that nobody continues is kept for --upload-lifetime, and then is none", async () => {
  const address = ["--http", "127.0.0.1:0", "--metrics", "127.0.0.1:0"];
  const root = join(folder.path, "short");
  const short = await startWaybill(["store", "serve", "--root", root, "--upload-lifetime", "20s", ...address]);
  try {
    const begun = await fetch(`${short.url}/v2/acme/app/blobs/uploads/`, { method: "POST" });
    const location = new URL(begun.headers.get("location") ?? "", short.url);
    expect((await fetch(location, { method: "PATCH", body: "hello" })).status).toBe(202);
    const running = async (): Promise<unknown> =>
      ((await (await fetch(`${short.url}/api/v1/uploads`)).json()) as { items: unknown[] }).items;
    expect(await running()).toMatchObject([{ repository: "acme/app", offset: 5 }]);
    await expect.poll(async () => (await fetch(location)).status).toBe(404);
    expect(await running()).toEqual([]);
  } finally {
    await short.close();
  }
});
