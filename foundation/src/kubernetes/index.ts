/**
 * A small client of the Kubernetes API: kubeconfig or service account in; lists in pages, watches that resume, writes,
 * server-side apply, reviews. `keepList` is a collection that stays equal to the API server's, with only the fields
 * that were asked for. Errors say what to do; a refused right names the RBAC rule that is missing. It has no cache of
 * its own, no types of all kinds (callers declare the fields that they read), and never runs a program.
 */
export {
  createKubernetes,
  type DeleteOptions,
  type Kubernetes,
  type ListOptions,
  type ListPage,
  type WatchOptions,
  type WriteOptions,
} from "./client.ts";
export { connectKubernetes, type ConnectOptions } from "./connect.ts";
export type { Connection, Credentials } from "./connection.ts";
export type { InClusterPlace } from "./in-cluster.ts";
export {
  keepList,
  keyOfObject,
  type KeepListOptions,
  type KeepListTiming,
  type KeptList,
  type KeptListState,
  type ListChange,
} from "./keep-list.ts";
export { connectionOf, readKubeconfig, type KubeconfigContext, type KubeconfigTrust } from "./kubeconfig.ts";
export { KubernetesError, type KubernetesCause, type KubernetesErrorCode } from "./kubernetes-error.ts";
export {
  events,
  pods,
  type KubernetesObject,
  type ObjectMetadata,
  type ResourceKind,
  type ResourcePlace,
} from "./resource.ts";
export { mayI, reviewToken, type AccessQuestion, type ReviewedUser } from "./reviews.ts";
export type { WatchEvent } from "./watch.ts";
