/**
 * An address for agents' reports alone, served by a thread of its own: it reads, inflates, checks and answers, and hands
 * what it took to the server's thread in batches.
 */
export { startReportThread, type ReportThread } from "./thread.ts";
export type { Outcome } from "./protocol.ts";
