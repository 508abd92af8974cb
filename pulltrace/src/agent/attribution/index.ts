/**
 * From what containerd shows to what is reported: which bytes belong to which image. Nothing here does I/O.
 *
 * A pull is a lease. Every client that pulls (CRI, ctr, nerdctl, the transfer service) takes a lease that expires by
 * itself, and containerd notes under it each blob, download and snapshot that the client got. So a lease is one pull of
 * one image, from its first request on: two images at once are two leases, two pulls of one image too, and what a pull
 * found on the node is what is older than its lease. The manifest that the lease holds names configuration and layers
 * with their sizes before the first layer byte; a layer's download counts for every pull whose manifest names it.
 *
 * - `attribute.ts` puts it together; `lease.ts` reads one lease at one look; `layers.ts` says where a layer stands; `reference.ts` what the image is called;
 *   `writers.ts` and `outcome.ts` how a pull ends, and why an aborted one is told from a slow one, with the facts that
 *   were tried on a real containerd.
 */
export { attribute, glance } from "./attribute.ts";
export { fitted, questionsOf, reportedPulls } from "./report.ts";
export { type AttributionState, emptyState } from "./state.ts";
