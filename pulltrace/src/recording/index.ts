/**
 * Recordings of what agents reported: written as JSON lines, replayed as if they happened now and marked as what they
 * are. For bug reports, for tests, and for a demonstration on machines without containerd.
 */
export { parseHeader, parseLine, type RecordedReport, type RecordingHeader } from "./format.ts";
export { recordReports, type Recording, type RecordOptions } from "./record.ts";
export { readRecording, replayRecording, type ReplayOptions } from "./replay.ts";
export { shiftReport, type Shift } from "./shift.ts";
