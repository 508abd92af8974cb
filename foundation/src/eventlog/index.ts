/**
 * What happened, in order: an append-only stream of events that is written in the transaction of the change itself and
 * read by number, in process (`read`, `wait`) or over HTTP (long poll, server-sent events), from any number that is kept.
 */
export {
  type EventLog,
  type EventPage,
  type EventRange,
  EventsGone,
  type NewEvent,
  type StoredEvent,
} from "./contract.ts";
export { createEventLog } from "./log.ts";
export { eventLogRoutes, type EventsBody } from "./routes.ts";
export { eventLogMigrations } from "./tables.ts";
