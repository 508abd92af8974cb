/** Chunks of bytes that flow: as they came off a socket, and given back as soon as nobody needs them. */
export { incomingChunks } from "./incoming-chunks.ts";
export { release } from "./release.ts";
