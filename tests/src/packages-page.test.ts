import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import { createTokenAuthority } from "@waybill/foundation/auth";
import { temporaryFolder } from "@waybill/foundation/testing";
import { expect, it } from "vitest";
import { startWaybill } from "./harness/waybill.ts";

const run = promisify(execFile);
const signingKey = "a key for tests, longer than thirty-two bytes";

it("the commands of docs/packages.md run as they are written, one after the other", async () => {
  await using folder = await temporaryFolder("waybill-packages-page-");
  await using stack = new AsyncDisposableStack();
  const waybill = stack.adopt(
    await startWaybill(
      ["store", "serve", "--root", join(folder.path, "store"), "--http", "127.0.0.1:0", "--metrics", "127.0.0.1:0"],
      { JWT_SIGNING_KEY: signingKey },
    ),
    (running) => running.close(),
  );
  const authority = createTokenAuthority({ key: Buffer.from(signingKey) });
  const claims = { subject: "me", roles: ["tenantOwner"], tenant: "acme", ttlSeconds: 600 } as const;
  const { token } = await authority.issue(claims);
  const page = await readFile(resolve(import.meta.dirname, "../../docs/packages.md"), "utf8");
  const blocks = [...page.matchAll(/^```sh\n([\s\S]*?)^```$/gm)].map(([, commands]) => commands ?? "");
  expect(blocks.length).toBe(4);
  const env = { ...process.env, STORE: waybill.url, TOKEN: token };
  const script = `set -eu -o pipefail\n${blocks.join("echo; echo next\n")}`;
  const { stdout } = await run("bash", ["-c", script], { cwd: folder.path, env });
  const [sealed = "", read = "", found = "", ended = ""] = stdout.split("\nnext\n");
  expect(sealed).toContain("sealed 2 files");
  expect(read).toBe("all went well\ntestsuites\n");
  expect(found).toBe("run-17\nsealed\n");
  expect(ended).toBe("kept because it is held by me (case-7: evidence)\nHELD\ndeleted: superseded\n");
  const { stdout: listed } = await run("tar", ["--zstd", "-tf", "run-17.tar.zst"], { cwd: folder.path });
  expect(listed).toBe("reports/junit.xml\nrun/evidence/server.log\n");
}, 120_000);
