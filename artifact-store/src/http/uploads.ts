import { access } from "@waybill/foundation/auth";
import type { HttpContext, HttpRoute } from "@waybill/foundation/http";
import { digestAlgorithms, type Digest } from "../digest/index.ts";
import { StoreError } from "../errors/index.ts";
import type { RepositoryName } from "../names/index.ts";
import type { Store } from "../store/index.ts";
import { bodyOf, hasBody } from "./body.ts";
import { digestIn } from "./digest.ts";
import type { Gate } from "./gate.ts";
import { isListening } from "./listening.ts";

/** The session's id is in the path; nothing else of its state is in the URL. */
const path = "/v2/:name{.+}/blobs/uploads/:id";

/**
 * "Pushing a blob in chunks": smaller ones work, but each costs a request. A registry whose store takes parts of an object
 * needs them larger.
 */
const advisedChunkBytes = 1024 * 1024;

export function uploadRoutes(store: Store, gate: Gate): HttpRoute[] {
  /**
   * "Pushing blobs": one POST with everything (end-4b), a mount (end-11), or the start of a session (end-4a, end-4c).
   * A mount that cannot be, for whatever reason, starts a session, so that it tells nothing of other repositories.
   */
  async function start(c: HttpContext): Promise<Response> {
    const repository = gate.repository(c, "push");
    const digest = c.req.query("digest");
    if (digest !== undefined) {
      const blob = await store.blobs.put(repository, bodyOf(c, store.limits).source, digestIn(digest));
      return created(repository, blob.digest);
    }
    const mount = c.req.query("mount");
    if (mount !== undefined) {
      const wanted = digestIn(mount);
      const from = gate.mountable(c, c.req.query("from"));
      const mounted = from === undefined ? undefined : await store.blobs.mount(repository, wanted, from);
      if (mounted !== undefined) return created(repository, wanted);
    }
    const { id } = await store.uploads.start(repository, algorithmAsked(c));
    // Else it would stay until it expires, and nobody knows where it is.
    if (!isListening(c)) await store.uploads.cancel(repository, id);
    const headers = { ...progress(repository, id, 0), "oci-chunk-min-length": String(advisedChunkBytes) };
    return new Response(null, { status: 202, headers });
  }

  /** "Pushing a blob in chunks" (end-5): with Content-Range at its place, without one at the end, as a stream of any length. */
  async function append(c: HttpContext): Promise<Response> {
    const repository = gate.repository(c, "push");
    const chunk = bodyOf(c, store.limits);
    const { id, offset } = await store.uploads.append(repository, idOf(c), chunk.source, chunk.offset);
    return new Response(null, { status: 202, headers: progress(repository, id, offset) });
  }

  /** "POST then PUT" and the end of "Pushing a blob in chunks" (end-6). */
  async function finish(c: HttpContext): Promise<Response> {
    const repository = gate.repository(c, "push");
    const digest = digestIn(c.req.query("digest"));
    const blob = await store.uploads.finish(
      repository,
      idOf(c),
      digest,
      hasBody(c) ? bodyOf(c, store.limits) : undefined,
    );
    return created(repository, blob.digest);
  }

  /** The status of an upload, e.g. after a 416 (end-13). */
  async function status(c: HttpContext): Promise<Response> {
    const repository = gate.repository(c, "push");
    const { id, offset } = await store.uploads.status(repository, idOf(c));
    return new Response(null, { status: 204, headers: progress(repository, id, offset) });
  }

  /** "Cancel a blob upload" (end-14). */
  async function cancel(c: HttpContext): Promise<Response> {
    await store.uploads.cancel(gate.repository(c, "push"), idOf(c));
    return new Response(null, { status: 204 });
  }

  return [
    { method: "POST", path: "/v2/:name{.+}/blobs/uploads/", access: access.everyone, handler: start },
    { method: "POST", path: "/v2/:name{.+}/blobs/uploads", access: access.everyone, handler: start },
    { method: "PATCH", path, access: access.everyone, handler: append },
    { method: "PUT", path, access: access.everyone, handler: finish },
    { method: "GET", path, access: access.everyone, handler: status },
    { method: "DELETE", path, access: access.everyone, handler: cancel },
  ];
}

function idOf(c: HttpContext): string {
  return c.req.param("id") ?? "";
}

function algorithmAsked(c: HttpContext): (typeof digestAlgorithms)[number] {
  const asked = c.req.query("digest-algorithm") ?? "sha256";
  const known = digestAlgorithms.find((algorithm) => algorithm === asked);
  if (known === undefined)
    throw new StoreError("DIGEST_INVALID", `digest-algorithm is one of ${digestAlgorithms.join(", ")}`);
  return known;
}

function created(repository: RepositoryName, digest: Digest): Response {
  return new Response(null, {
    status: 201,
    headers: { location: `/v2/${repository}/blobs/${digest}`, "docker-content-digest": digest, "content-length": "0" },
  });
}

/** `Range` names the last byte that is there; an upload without any says `0-0`, as every registry does. */
function progress(repository: RepositoryName, id: string, offset: number): Record<string, string> {
  return {
    location: `/v2/${repository}/blobs/uploads/${id}`,
    range: `0-${Math.max(0, offset - 1)}`,
    "docker-upload-uuid": id,
    "content-length": "0",
  };
}
