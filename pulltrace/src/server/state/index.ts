/** The part of the pull server's state that outlives the process, in an embedded database. */
export { openPullState, type PullState, type PullStateOptions } from "./pull-state.ts";
