import { once } from "node:events";
import { createServer, type IncomingMessage, type Server } from "node:http";
import { text } from "node:stream/consumers";
import { freePort } from "@waybill/foundation/testing";
import { signatureOf } from "../webhooks/index.ts";

/** What a state hub knows of a run. */
export interface HubRecord {
  readonly state: "open" | "sealed" | "deleted";
  readonly digest: string | null;
  /** Types of the events that led here, each once, in the order in which they came. */
  readonly history: readonly string[];
}

interface CloudEvent {
  readonly id: string;
  readonly type: string;
  readonly data: { readonly digest: string | null; readonly links: readonly { rel: string; href: string }[] };
}

const stateAfter: Readonly<Record<string, HubRecord["state"]>> = {
  "io.waybill.store.package.opened": "open",
  "io.waybill.store.package.sealed": "sealed",
  "io.waybill.store.package.deleted": "deleted",
};

/**
 * A small state hub: keeps one record for each address under `/records/`, and follows packages that link to it
 * (`rel: statehub`). Takes only deliveries that are signed rightly, and none twice.
 */
export class StateHub {
  readonly records = new Map<string, HubRecord>();
  /** Every delivery that was signed rightly, also those that were answered with an error. */
  readonly deliveries: string[] = [];
  /** So many of the next deliveries are answered with 500. */
  failing = 0;
  /** Of the subscription. */
  secret = "";
  forged = 0;
  readonly #seen = new Set<string>();
  #server: Server | undefined;
  #port = 0;

  get url(): string {
    return `http://127.0.0.1:${this.#port}/hook`;
  }

  get recordsUrl(): string {
    return `http://127.0.0.1:${this.#port}/records`;
  }

  /** Also after `down`, at the same address. */
  async up(): Promise<void> {
    this.#server = createServer((request, response) => {
      void (async () => {
        response.statusCode = await this.#take(request);
        response.end();
      })();
    });
    if (this.#port === 0) this.#port = await freePort();
    this.#server.listen(this.#port, "127.0.0.1");
    await once(this.#server, "listening");
  }

  async down(): Promise<void> {
    const server = this.#server;
    if (server === undefined) return;
    this.#server = undefined;
    const closed = once(server, "close");
    server.close();
    server.closeAllConnections();
    await closed;
  }

  async #take(request: IncomingMessage): Promise<number> {
    const body = await text(request);
    const { "webhook-id": id, "webhook-timestamp": at, "webhook-signature": signature } = request.headers;
    if (signature !== signatureOf(this.secret, String(id), Number(at), body)) {
      this.forged++;
      return 401;
    }
    this.deliveries.push(String(id));
    if (this.failing > 0) {
      this.failing--;
      return 500;
    }
    if (!this.#seen.has(String(id))) {
      this.#seen.add(String(id));
      this.#follow(JSON.parse(body) as CloudEvent);
    }
    return 204;
  }

  #follow({ type, data }: CloudEvent): void {
    const state = stateAfter[type];
    if (state === undefined) return;
    for (const { rel, href } of data.links) {
      if (rel !== "statehub" || !href.startsWith(`${this.recordsUrl}/`)) continue;
      const key = href.slice(this.recordsUrl.length + 1);
      const history = [...(this.records.get(key)?.history ?? []), type.replace("io.waybill.store.", "")];
      this.records.set(key, { state, digest: data.digest, history });
    }
  }
}

export async function startStateHub(): Promise<StateHub> {
  const hub = new StateHub();
  await hub.up();
  return hub;
}
