import { spawn, type ChildProcess } from "node:child_process";
import { randomInt, randomUUID } from "node:crypto";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { testDatabaseUrl, type DatabaseKind } from "@waybill/foundation/testing";
import { expect, it } from "vitest";
import { idempotencyHeader } from "./requests/index.ts";
import { startTestManager } from "./testing/index.ts";

const program = fileURLToPath(new URL("testing/serve.ts", import.meta.url));

async function start(databaseUrl: string): Promise<{ process: ChildProcess; url: string }> {
  const child = spawn(process.execPath, [program, databaseUrl], { stdio: ["pipe", "pipe", "inherit"] });
  const [line] = (await once(createInterface({ input: child.stdout }), "line")) as [string];
  return { process: child, url: line };
}

async function kill(child: ChildProcess): Promise<void> {
  const gone = once(child, "exit");
  child.kill("SIGKILL");
  await gone;
}

/** kill -9 in the middle of changes that are repeated with their keys, on every database. */
export function crashSuite(kind: DatabaseKind, kills: number): void {
  it(`on ${kind}, ${kills} times kill -9: what is repeated with its key is made exactly once`, async () => {
    const database = await testDatabaseUrl(kind);
    let server = await start(database.url);
    const post = async (path: string, body: object, key: string): Promise<number> => {
      try {
        const headers = { "content-type": "application/json", [idempotencyHeader]: key };
        for (;;) {
          const response = await fetch(server.url + path, { method: "POST", headers, body: JSON.stringify(body) });
          await response.arrayBuffer();
          // PostgreSQL may take a moment to notice that the client who holds the key is dead.
          if (response.status !== 409 || !response.headers.has("retry-after")) return response.status;
          await sleep(100);
        }
      } catch {
        return 0;
      }
    };
    await post("/api/v1/clusters", { name: "local" }, randomUUID());
    const clusters = (await (await fetch(`${server.url}/api/v1/clusters`)).json()) as { items: { id: string }[] };
    const path = `/api/v1/clusters/${clusters.items[0]!.id}/tenants`;

    const calls: { name: string; key: string; status: number }[] = [];
    for (let round = 0; round < kills; round++) {
      const inFlight = Array.from({ length: 8 }, async (_, worker) => {
        for (let i = 0; i < 1000; i++) {
          const call = { name: `t-${round}-${worker}-${i}`, key: randomUUID(), status: 0 };
          calls.push(call);
          call.status = await post(path, { name: call.name }, call.key);
          if (call.status === 0) return;
        }
      });
      // The moment is chance; that the promise holds at any moment is what is tested.
      setTimeout(() => server.process.kill("SIGKILL"), randomInt(20, 120));
      await Promise.all([once(server.process, "exit"), ...inFlight]);
      server = await start(database.url);
    }

    const unanswered = calls.filter(({ status }) => status === 0);
    expect(unanswered.length).toBeGreaterThan(0);
    for (const call of calls) call.status = await post(path, { name: call.name }, call.key);
    // 409 would mean that the tenant was there without the answer of its key.
    expect(calls.filter(({ status }) => status !== 201)).toEqual([]);
    await kill(server.process);

    const reader = await startTestManager(database.url);
    const rows = await reader.database.read.selectFrom("kubenova_tenants").select("name").execute();
    const made = rows.map(({ name }) => name).toSorted();
    expect(made).toEqual(calls.map(({ name }) => name).toSorted());
    const events: string[] = [];
    for (let after = 0; ;) {
      const page = await reader.events.read({ after, limit: 1000 });
      if (page.length === 0) break;
      after = page.at(-1)!.number;
      events.push(...page.filter(({ type }) => type === "tenant.created").map(({ tenant }) => tenant ?? ""));
    }
    expect(events.toSorted()).toEqual(made);
    await reader.close();
    await database.drop();
  });
}
