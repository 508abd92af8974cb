/**
 * A containerd of one's own, for the demonstration and for tests: root, state, socket and log stand in one folder, no
 * kubelet talks to it, and the machine's own containerd never meets it. Needs root.
 */
export { type ContainerdDaemon, containerdIn, type DaemonOptions } from "./daemon.ts";
export { unmountBelow } from "./mounts.ts";
