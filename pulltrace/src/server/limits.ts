import type { ClientRates } from "./client-limits.ts";

/**
 * How much one reporter can make the server keep. Everything a report or a reader can grow has a bound here; what does
 * not fit is dropped and counted, never kept silently.
 */
export interface ServerLimits extends ClientRates {
  /** Bytes of a report's body as sent. */
  readonly reportBytes: number;
  /** Bytes of a report after gzip was undone. */
  readonly inflatedReportBytes: number;
  readonly pullsPerReport: number;
  readonly layersPerPull: number;
  /** Running and finished pulls kept for one node; at least twice `pullsPerReport`. */
  readonly pullsPerNode: number;
  readonly layersPerNode: number;
  readonly nodes: number;
  /** Running and finished pulls kept for all nodes together. */
  readonly pulls: number;
  readonly layers: number;
  /** Events kept for clients that come back with Last-Event-ID. */
  readonly ringEvents: number;
  /** What those events take in memory, roughly. */
  readonly ringBytes: number;
  readonly streamClients: number;
  /** Different filters that are followed at a time: each is encoded on its own. */
  readonly streamFilters: number;
  /** Bytes that may wait unsent for one stream client; what is beyond stays in the ring. */
  readonly clientBufferBytes: number;
}

export const defaultLimits: ServerLimits = {
  reportBytes: 1024 * 1024,
  inflatedReportBytes: 4 * 1024 * 1024,
  pullsPerReport: 1_000,
  layersPerPull: 1_000,
  pullsPerNode: 2_000,
  layersPerNode: 20_000,
  nodes: 20_000,
  pulls: 50_000,
  layers: 250_000,
  ringEvents: 200_000,
  ringBytes: 64 * 1024 * 1024,
  streamClients: 20_000,
  streamFilters: 1_000,
  streamsPerClient: 256,
  requestsPerClient: 100,
  reportsPerNode: 50,
  badReportsPerClient: 5,
  clientBufferBytes: 1024 * 1024,
};
