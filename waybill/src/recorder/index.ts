/** An agent whose reports go into a file. */
export { startRecorder } from "./recorder.ts";
