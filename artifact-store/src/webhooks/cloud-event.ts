import type { StoredEvent } from "@waybill/foundation/eventlog";

/** Where the events come from, as CloudEvents have it. */
const source = "urn:waybill:artifact-store";

/** What an event is called on its way to a subscription: the same for every attempt. */
export function deliveryId(webhook: { readonly id: string }, number: number): string {
  return `${webhook.id}.${number}`;
}

/** A line of the event log as a CloudEvent 1.0 in JSON, with the extensions `sequence` and `tenant`. */
export function cloudEventOf(event: StoredEvent): object {
  return {
    specversion: "1.0",
    id: String(event.number),
    source,
    type: `io.waybill.store.${event.type}`,
    subject: event.subject,
    time: event.time,
    sequence: String(event.number),
    ...(event.tenant === null ? {} : { tenant: event.tenant }),
    datacontenttype: "application/json",
    data: event.data,
  };
}
