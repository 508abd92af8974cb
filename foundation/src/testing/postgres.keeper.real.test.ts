import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { Client } from "pg";
import { describe, expect, it } from "vitest";

describe("the PostgreSQL of a test run", () => {
  it.each(["its holder ends", "it is told to end"])("leaves nothing behind when %s", async (how) => {
    const keeper = spawn(process.execPath, [fileURLToPath(new URL("./postgres.keeper.ts", import.meta.url))], {
      stdio: ["pipe", "pipe", "inherit"],
    });
    const gone = once(keeper, "exit");
    const [url] = (await once(createInterface({ input: keeper.stdout }), "line")) as [string];
    const client = new Client({ connectionString: url });
    const cut: Error[] = [];
    client.on("error", (error) => void cut.push(error));
    await client.connect();
    const answer = await client.query<{ folder: string }>("select current_setting('data_directory') as folder");
    const folder = answer.rows[0]?.folder ?? "";
    expect(existsSync(folder)).toBe(true);
    if (how === "its holder ends") keeper.stdin.end();
    else keeper.kill("SIGTERM");
    expect(await gone).toEqual([0, null]);
    await expect.poll(() => cut.length).toBeGreaterThan(0);
    expect(existsSync(folder)).toBe(false);
    await expect(new Client({ connectionString: url }).connect()).rejects.toThrow();
  });
});
