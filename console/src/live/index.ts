/**
 * The line to the server: the list of pulls, kept true by the event stream, drawn at most once per frame. Everything
 * that decides (parsing, merging, resuming) is free of the browser and tested against a real HTTP server.
 */
export { type Connection, createFeed, type FeedSnapshot } from "./feed.ts";
export { FeedProvider, frameSchedule, useColdStart, useFeed, useNodes, useRollout, useSnapshot } from "./provider.tsx";
export { openSession, RequestFailed, SignedOut } from "./requests.ts";
export type { PullEntry, PullsState } from "./state.ts";
