/**
 * containerd as the agent sees it: gRPC on the unix socket, a handful of read-only questions, answers as
 * plain data.
 */
export { openChannel } from "./channel.ts";
export {
  type Containerd,
  containerdClient,
  type ContentInfo,
  type ImageRecord,
  type Ingest,
  type Lease,
  type LeaseResource,
} from "./client.ts";
