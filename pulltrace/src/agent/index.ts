/**
 * The agent: one on each node. It reads the node's containerd, says which bytes belong to which image, and reports to
 * the server once a period. Built to be small: Node's own http, an HTTP/2 client of its own, protobuf-es, and nothing else.
 */
export { type Agent, type AgentOptions, startAgent } from "./agent.ts";
export { type NodeWatchOptions, watchNode } from "./node-watch.ts";
export { permittedSocket } from "./socket-path.ts";
