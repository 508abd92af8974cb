import type { StoredEvent } from "@waybill/foundation/eventlog";

/** A line of the event log as a CloudEvent 1.0 in JSON, with the extensions `sequence` and `tenant`. */
export function cloudEventOf(event: StoredEvent, source: string): object {
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
