/**
 * Pods: which wait for which pull, and what kubelet says of images that nobody is pulling. A watch of Kubernetes fills a
 * `PodSource`; pure rules match its waits with the pulls of the node and make rows of what no pull serves.
 */
export { createBoardRows, type BoardRows } from "./board-rows.ts";
export type { PodSource } from "./contract.ts";
export { watchPods, type PodWatchOptions } from "./pod-watch.ts";
export { viewFor } from "./tenant-view.ts";
export { waitingPodsOf } from "./waiting-pods.ts";
