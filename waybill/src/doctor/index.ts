/**
 * Looks at this machine with the eyes of `waybill up`: each check tries the thing itself and says what to do when it
 * does not work. Nothing is left behind.
 */
export { examine, verdict, type FindingStatus } from "./examination.ts";
export { socketTrouble } from "./containerd.ts";
export { findProgram } from "./programs.ts";
