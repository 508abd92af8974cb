/** A containerd of the test's own: root, state and socket in a temp folder, nothing left behind. */
export { containerdMissing, type RunningContainerd, startContainerd } from "@waybill/pulltrace/testing";
