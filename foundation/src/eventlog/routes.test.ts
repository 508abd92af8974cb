import { once } from "node:events";
import { type IncomingMessage, request } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { access, type Authenticator, openAuthenticator, type Principal } from "../auth/index.ts";
import { type Database, openDatabase } from "../database/index.ts";
import { createApp, type RunningServer, startServer } from "../http/index.ts";
import { freePort, silentLogger, testDatabaseUrl, type TestDatabase } from "../testing/index.ts";
import { createEventLog, type EventLog, eventLogMigrations, eventLogRoutes, type EventsBody } from "./index.ts";

interface Message {
  readonly id?: string;
  readonly event?: string;
  readonly data?: string;
}

/** A client of an event stream, as simple as the format is. */
class Listener {
  readonly messages: Message[] = [];
  readonly response: Response;
  readonly ended: Promise<void>;
  readonly #abort: AbortController;

  static async open(url: string, headers: Record<string, string> = {}): Promise<Listener> {
    const abort = new AbortController();
    const accept = { accept: "text/event-stream" };
    return new Listener(await fetch(url, { headers: { ...accept, ...headers }, signal: abort.signal }), abort);
  }

  private constructor(response: Response, abort: AbortController) {
    this.response = response;
    this.#abort = abort;
    this.ended = this.#read().catch(() => {});
  }

  get numbers(): number[] {
    return this.messages.filter((message) => message.data !== undefined).map((message) => Number(message.id));
  }

  async until(count: number): Promise<number[]> {
    await vi.waitUntil(() => this.numbers.length >= count, { timeout: 45_000, interval: 5 });
    return this.numbers;
  }

  close(): Promise<void> {
    this.#abort.abort();
    return this.ended;
  }

  async #read(): Promise<void> {
    let text = "";
    for await (const chunk of (this.response.body ?? new ReadableStream()).pipeThrough(new TextDecoderStream())) {
      text += chunk;
      const blocks = text.split("\n\n");
      text = blocks.pop() ?? "";
      for (const block of blocks) {
        const fields = block.split("\n").map((line) => line.split(/: (.*)/s, 2) as [string, string]);
        const message: Message = Object.fromEntries(fields.filter(([name]) => ["id", "event", "data"].includes(name)));
        if (Object.keys(message).length > 0) this.messages.push(message);
      }
    }
  }
}

function member(tenant: string | undefined): Authenticator {
  const principal: Principal = {
    subject: "someone",
    roles: ["tenantOwner"],
    anonymous: false,
    ...(tenant === undefined ? {} : { tenant }),
  };
  return async () => principal;
}

describe("events over HTTP", () => {
  let place: TestDatabase;
  let database: Database<object>;
  let log: EventLog;
  const servers: RunningServer[] = [];

  async function serve(authenticator = openAuthenticator(), port = 0): Promise<RunningServer> {
    const app = createApp({
      groups: [{ name: "test", routes: eventLogRoutes(log, { path: "/events", access: access.everyone }) }],
      authenticator,
      log: silentLogger(),
    });
    const address = { host: "127.0.0.1", port };
    // `fetch` keeps unused connections open for seconds after an abort: do not wait for those.
    const server = await startServer({ app, address, log: silentLogger(), drainTimeoutMs: 100 });
    servers.push(server);
    return server;
  }
  const append = (count: number, tenant?: string, data?: unknown): Promise<void> =>
    database.transaction((tx) =>
      log.append(
        tx,
        Array.from({ length: count }, () => ({
          type: "parcel.sent",
          subject: "parcel",
          data,
          ...(tenant === undefined ? {} : { tenant }),
        })),
      ),
    );
  async function get(
    url: string,
    headers = {},
  ): Promise<{ status: number; body: EventsBody & { code?: string; detail?: string } }> {
    const response = await fetch(url, { headers });
    return { status: response.status, body: (await response.json()) as EventsBody };
  }
  const numbersOf = (body: EventsBody): number[] => body.events.map((event) => event.number);

  beforeEach(async () => {
    place = await testDatabaseUrl("sqlite");
    database = await openDatabase({ url: place.url, migrations: [eventLogMigrations] });
    log = createEventLog({ database, stream: "parcels" });
  });
  afterEach(async () => {
    log.close();
    await Promise.all(servers.splice(0).map((server) => server.close()));
    await database.close();
    await place.drop();
  });

  describe("by long poll", () => {
    it("are answered at once when there are some, page by page", async () => {
      const { url } = await serve();
      await append(5);
      const first = await get(`${url}/events?after=0&limit=3&wait=60s`);
      expect(first.status).toBe(200);
      expect(first.body).toMatchObject({ next: 3, oldest: 1, newest: 5 });
      expect(first.body.events[0]).toMatchObject({
        number: 1,
        type: "parcel.sent",
        subject: "parcel",
        tenant: null,
        data: null,
      });
      const second = await get(`${url}/events?after=${first.body.next}&limit=3`);
      expect(numbersOf(second.body)).toEqual([4, 5]);
      expect((await get(`${url}/events?after=5`)).body).toEqual({ events: [], next: 5, oldest: 1, newest: 5 });
    });

    it("are waited for", async () => {
      const { url } = await serve();
      const waiting = get(`${url}/events?after=0&wait=60s`);
      await sleep(50);
      await append(1);
      expect(numbersOf((await waiting).body)).toEqual([1]);
    });

    it("that do not come are an empty answer when the wait is over", async () => {
      const { url } = await serve();
      expect((await get(`${url}/events?wait=50ms`)).body).toEqual({ events: [], next: 0, oldest: 1, newest: 0 });
    });

    it("start with the oldest that is kept, or with what comes next", async () => {
      const { url } = await serve();
      await append(10);
      await log.trim({ before: 8 });
      expect(numbersOf((await get(`${url}/events`)).body)).toEqual([8, 9, 10]);
      expect((await get(`${url}/events?after=latest`)).body).toMatchObject({ events: [], next: 10 });
    });

    it("that are no longer kept, or never were, are 410 with the way on", async () => {
      const { url } = await serve();
      await append(10);
      await log.trim({ before: 8 });
      const gone = await get(`${url}/events?after=6`);
      expect(gone.status).toBe(410);
      expect(gone.body).toMatchObject({ code: "EVENTS_GONE", detail: expect.stringContaining("after=7") as unknown });
      expect((await get(`${url}/events?after=7`)).status).toBe(200);
      expect((await get(`${url}/events?after=11`)).status).toBe(410);
    });

    it.each([
      "after=-1",
      "after=1.5",
      "after=abc",
      "after=99999999999999999999",
      "after=9007199254740993",
      "limit=0",
      "limit=1001",
      "limit=ten",
      "wait=61s",
      "wait=-1s",
      "wait=soon",
      "wait=9999999999d",
    ])("refuse %s with what is allowed", async (query) => {
      const { url } = await serve();
      const { status, body } = await get(`${url}/events?${query}`);
      expect(status).toBe(400);
      expect(body.code).toBe("BAD_QUERY");
      expect(body.detail).toContain(query.split("=")[0]);
    });

    it("show a member of a tenant that tenant's events only, and wait on for them", async () => {
      const { url } = await serve(member("acme"));
      await append(1, "acme");
      await append(2, "other");
      await append(1);
      const first = await get(`${url}/events`);
      expect(numbersOf(first.body)).toEqual([1]);
      expect(first.body.next).toBe(4);
      const waiting = get(`${url}/events?after=4&wait=60s`);
      await sleep(30);
      await append(1, "other");
      await sleep(30);
      await append(1, "acme");
      expect(numbersOf((await waiting).body)).toEqual([6]);
    });

    it("are closed to a principal that is bound to a tenant without a name", async () => {
      const { url } = await serve(member(undefined));
      expect((await get(`${url}/events`)).status).toBe(403);
      const { response, ended } = await Listener.open(`${url}/events`);
      expect(response.status).toBe(403);
      await ended;
    });

    it("answer a HEAD request without waiting", async () => {
      const { url } = await serve();
      const response = await fetch(`${url}/events?wait=60s`, { method: "HEAD" });
      expect(response.status).toBe(200);
    });

    it("let go of a client that has left", async () => {
      const waits = vi.spyOn(log, "wait");
      const { url } = await serve();
      const abort = new AbortController();
      const answer = fetch(`${url}/events?wait=60s`, { signal: abort.signal }).catch(() => "left");
      await expect.poll(() => waits.mock.results.length).toBe(1);
      abort.abort();
      expect(await answer).toBe("left");
      await waits.mock.results[0]?.value; // ends long before the 60 s, with no event and no time over
    });
  });

  describe("by event stream", () => {
    it("are what is kept and then what comes, each with its number as id and its type as name", async () => {
      const { url } = await serve();
      await append(2);
      const listener = await Listener.open(`${url}/events`);
      expect(listener.response.headers.get("content-type")).toContain("text/event-stream");
      await listener.until(2);
      await append(2);
      expect(await listener.until(4)).toEqual([1, 2, 3, 4]);
      const [first] = listener.messages;
      expect(first).toMatchObject({ id: "1", event: "parcel.sent" });
      expect(JSON.parse(first?.data ?? "")).toMatchObject({ number: 1, type: "parcel.sent", subject: "parcel" });
      await listener.close();
    });

    it("go on after Last-Event-ID, whatever the address says", async () => {
      const { url } = await serve();
      await append(6);
      const listener = await Listener.open(`${url}/events?after=1`, { "last-event-id": "4" });
      expect(await listener.until(2)).toEqual([5, 6]);
      await listener.close();
    });

    it("are missed by nobody and doubled for nobody when clients and servers come and go", async () => {
      const port = await freePort();
      let server = await serve(openAuthenticator(), port);
      const seen: number[] = [];
      const total = 300;
      const writing = (async () => {
        for (let count = 0; count < total / 3; count++) {
          await append(3);
          await sleep(2);
        }
      })();
      for (let round = 0; seen.length < total; round++) {
        const after = seen.at(-1) ?? 0;
        const listener = await Listener.open(`${server.url}/events?after=0`, { "last-event-id": String(after) });
        await listener.until(Math.min(1 + ((round * 37) % 60), total - seen.length));
        if (round % 3 === 2) {
          servers.splice(servers.indexOf(server), 1);
          await Promise.all([server.close(), listener.ended]);
          server = await serve(openAuthenticator(), port);
        } else await listener.close();
        seen.push(...listener.numbers);
      }
      await writing;
      expect(seen).toEqual(Array.from({ length: total }, (_, index) => index + 1));
    });

    it("show a member of a tenant nothing of another's", async () => {
      const { url } = await serve(member("acme"));
      await append(1, "other", { secret: 1 });
      const listener = await Listener.open(`${url}/events`);
      await append(1, "acme");
      await append(2, "other", { secret: 2 });
      await append(1, "acme");
      expect(await listener.until(2)).toEqual([2, 5]);
      expect(JSON.stringify(listener.messages)).not.toContain("secret");
      await listener.close();
    });

    it("that are no longer kept are 410 before a stream begins", async () => {
      const { url } = await serve();
      await append(10);
      await log.trim({ before: 8 });
      const { response, ended } = await Listener.open(`${url}/events`, { "last-event-id": "2" });
      expect(response.status).toBe(410);
      expect(response.headers.get("content-type")).toContain("application/problem+json");
      await ended;
    });

    it("end with the log", async () => {
      const { url } = await serve();
      const listener = await Listener.open(`${url}/events`);
      await append(1);
      await listener.until(1);
      log.close();
      await listener.ended;
      expect(listener.numbers).toEqual([1]);
    });

    it("wait for a client that reads slowly, in bounded memory, and it still gets each once", async () => {
      const server = await serve();
      const body = "x".repeat(60_000);
      let buffered = 0;
      server.server.prependOnceListener("request", (_, outgoing) => {
        const write = outgoing.write.bind(outgoing);
        outgoing.write = (chunk: string | Uint8Array): boolean => {
          const goOn = write(chunk);
          buffered = Math.max(buffered, outgoing.writableLength);
          return goOn;
        };
      });
      const slow = request(`${server.url}/events?after=0&limit=20`, { headers: { accept: "text/event-stream" } }).end();
      const [response] = (await once(slow, "response")) as [IncomingMessage];
      response.pause();
      // 36 MB for a client that takes none of it.
      for (let batch = 0; batch < 30; batch++) await append(20, undefined, body);
      await expect.poll(() => buffered).toBeGreaterThan(1024 * 1024);
      await sleep(100);
      expect(buffered).toBeLessThan(1024 * 1024 + 100_000);
      const ids: number[] = [];
      let text = "";
      for await (const chunk of response.setEncoding("utf8")) {
        text += String(chunk);
        const lines = text.split("\n");
        text = lines.pop() ?? "";
        for (const line of lines) if (line.startsWith("id: ")) ids.push(Number(line.slice(4)));
        if (ids.length === 600) break;
      }
      expect(ids).toEqual(Array.from({ length: 600 }, (_, index) => index + 1));
    });
  });
});
