/**
 * Uploads: bytes on their way in. A session may be fed by any number of requests, lose its connection, and outlive the
 * process; it ends as a blob, cancelled, or expired. `takeIn` is the flow of bytes itself: socket, file and hash at work
 * at the same time, within a fixed amount of memory.
 */
export { Intake, type ByteSource } from "./intake.ts";
export { Sessions, type RunningUpload, type UploadStatus } from "./sessions.ts";
export { sweepUploads, type SweepResult } from "./sweep.ts";
