import { setTimeout as sleep } from "node:timers/promises";
import { z } from "zod";
import { EventsGone, type EventLog, type StoredEvent } from "@waybill/foundation/eventlog";
import type { Logger } from "@waybill/foundation/telemetry";
import type { TenantDirectory } from "./directory.ts";
import { tenantEvents } from "./routes.ts";

const pageOfEvents = 500;
const waitMs = 30_000;
const retryMs = 1000;
const eventData = z.looseObject({ id: z.string(), name: z.string() });

export interface FollowOptions {
  readonly events: EventLog;
  readonly directory: TenantDirectory;
  /** Reads all tenants from the database. */
  readonly load: () => Promise<readonly { readonly id: string; readonly name: string }[]>;
  readonly log: Logger;
}

function apply(directory: TenantDirectory, event: StoredEvent): void {
  if (event.type !== tenantEvents.created && event.type !== tenantEvents.deleted) return;
  const { id, name } = eventData.parse(event.data);
  if (event.type === tenantEvents.created) directory.add(id, name);
  else directory.remove(id);
}

/**
 * Fills the directory, then keeps it as the event log says.
 *
 * The log's newest number is read before the tenants: what is written between the two is applied twice, which changes
 * nothing, while the other order would lose it.
 * @returns a function that ends it.
 */
export async function followTenants({ events, directory, load, log }: FollowOptions): Promise<() => Promise<void>> {
  const ending = new AbortController();
  const { signal } = ending;
  let position = 0;
  let mustReload = false;

  async function reload(): Promise<void> {
    const newest = await events.newest();
    directory.reset(await load());
    position = newest;
  }

  async function step(): Promise<void> {
    if (mustReload) {
      await reload();
      mustReload = false;
    }
    await events.wait({ after: position, timeoutMs: waitMs, signal });
    if (signal.aborted) return;
    for (const event of await events.read({ after: position, limit: pageOfEvents })) {
      apply(directory, event);
      position = event.number;
    }
  }

  async function pause(error: unknown): Promise<void> {
    log.warn({ err: error }, "cannot read the changes of tenants; trying again");
    try {
      await sleep(retryMs, undefined, { signal });
    } catch {
      // Ended while it waited.
    }
  }

  async function run(): Promise<void> {
    while (!signal.aborted) {
      try {
        await step();
      } catch (error) {
        if (signal.aborted) return;
        if (error instanceof EventsGone) mustReload = true;
        else await pause(error);
      }
    }
  }

  await reload();
  const running = run();
  return async () => {
    ending.abort();
    await running;
  };
}
