/**
 * How Node runs the agent: a process on every node shall be small. What each part is worth is in bench/README.md, "The
 * agent".
 */
export const agentRuntime = {
  nodeOptions: [
    // The agent works a few milliseconds a second: compiling costs more than it gains, and its machine code stays.
    "--jitless",
    "--max-semi-space-size=1",
    "--max-old-space-size=24",
    "--optimize-for-size",
    "--v8-pool-size=0",
    // Node's own modules are read as they are needed: its ready-made heap has all of them, and stays. A start takes 80 ms
    // of processor time more.
    "--no-node-snapshot",
  ],
  // glibc gives each thread a heap of its own otherwise.
  environment: ["MALLOC_ARENA_MAX=1"],
} as const;
