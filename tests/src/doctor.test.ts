import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { runWaybill } from "./harness/waybill.ts";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "waybill-doctor-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

describe("the doctor", () => {
  it("finds that this machine works, as text and as JSON", async () => {
    const parameters = ["doctor", "--data", join(folder, "data"), "--http", "127.0.0.1:0", "--metrics", "127.0.0.1:0"];
    const text = await runWaybill(parameters);
    expect(text.stdout).toMatch(/^ok +Node /m);
    expect(text.code).toBe(0);
    const json = JSON.parse((await runWaybill([...parameters, "--json"])).stdout) as {
      readonly verdict: string;
      readonly findings: readonly { readonly name: string; readonly status: string }[];
    };
    expect(json.verdict).toMatch(/^works/);
    expect(json.findings.map(({ name }) => name)).toContain("SQLite");
  });

  it("says which address is taken, what to do, and ends with 1", async () => {
    const server = createServer((socket) => socket.destroy());
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const { port } = server.address() as AddressInfo;
    const result = await runWaybill([
      "doctor",
      "--data",
      folder,
      "--http",
      `127.0.0.1:${port}`,
      "--metrics",
      "127.0.0.1:0",
    ]);
    server.close();
    expect(result.code).toBe(1);
    expect(result.stdout).toMatch(new RegExp(`FAILED +HTTP address +127.0.0.1:${port} is in use by another program`));
    expect(result.stdout).toContain("choose another address with --http");
  });

  it("says that a data folder cannot be one, and ends with 1", async () => {
    await writeFile(join(folder, "file"), "");
    const result = await runWaybill([
      "doctor",
      "--data",
      "/proc/none",
      "--http",
      "127.0.0.1:0",
      "--metrics",
      "127.0.0.1:0",
    ]);
    expect(result.code).toBe(1);
    expect(result.stdout).toMatch(/FAILED +(data folder|SQLite) /);
  });
});
