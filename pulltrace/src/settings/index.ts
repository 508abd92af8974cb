/** What agent and server can be told from outside: names, defaults and meanings, and nothing of the programs themselves. */
export { agentIdentitySettings } from "./agent-identity.ts";
export { agentSettings } from "./agent.ts";
export { serverSettings } from "./server.ts";
