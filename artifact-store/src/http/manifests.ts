import { access } from "@waybill/foundation/auth";
import { answerAtOnce, readBody, type HttpContext, type HttpRoute } from "@waybill/foundation/http";
import { parseDigest, type Digest } from "../digest/index.ts";
import { StoreError } from "../errors/index.ts";
import { manifestLimitBytes, mediaTypes, parseMediaType } from "../manifests/index.ts";
import { parseTag, type Tag } from "../names/index.ts";
import type { ManifestReference, Store } from "../store/index.ts";
import { matches } from "./blob-answer.ts";
import { digestIn } from "./digest.ts";
import { refusal } from "./errors.ts";
import type { Gate } from "./gate.ts";

const path = "/v2/:name{.+}/manifests/:reference";
const mostTagsAtOnce = 100;

export function manifestRoutes(store: Store, gate: Gate): HttpRoute[] {
  /** "Pulling manifests" (end-3): GET and HEAD. Sent as it was pushed, whatever `Accept` says ("Content Negotiation"). */
  async function read(c: HttpContext): Promise<Response> {
    const manifest = await store.manifests.get(gate.repository(c, "pull"), existing(c.req.param("reference")));
    const etag = `"${manifest.digest}"`;
    const headers = { "docker-content-digest": manifest.digest, etag };
    if (matches(c.req.header("if-none-match"), etag)) return answerAtOnce(c, 304, headers);
    const described = { ...headers, "content-type": manifest.mediaType, "content-length": String(manifest.size) };
    return answerAtOnce(c, 200, described, c.req.method === "HEAD" ? undefined : manifest.content);
  }

  /** "Pushing Manifests" (end-7), with tags by query where it is pushed by digest. */
  async function write(c: HttpContext): Promise<Response> {
    const repository = gate.repository(c, "push");
    const reference = parseReference(c.req.param("reference"));
    const tags = "tag" in reference ? [reference.tag] : tagsAsked(c);
    const contentType = c.req.header("content-type");
    const content = await readBody(c, manifestLimitBytes);
    const { digest, subject } = await store.manifests.put(repository, content, {
      tags,
      ...("digest" in reference ? { digest: reference.digest } : {}),
      ...(contentType === undefined ? {} : { contentType }),
    });
    const headers = new Headers({
      location: `/v2/${repository}/manifests/${digest}`,
      "docker-content-digest": digest,
      "content-length": "0",
    });
    if (subject !== undefined) headers.set("oci-subject", subject);
    if ("digest" in reference) for (const tag of tags) headers.append("oci-tag", tag);
    return new Response(null, { status: 201, headers });
  }

  /** "Deleting tags" and "Deleting Manifests" (end-9). */
  async function remove(c: HttpContext): Promise<Response> {
    const repository = gate.repository(c, "delete");
    const reference = existing(c.req.param("reference"));
    if ("tag" in reference) await store.tags.remove(repository, reference.tag);
    else await store.manifests.remove(repository, reference.digest);
    return new Response(null, { status: 202, headers: { "content-length": "0" } });
  }

  /** "Listing Referrers" (end-12a, end-12b): never 404, by pages, filtered by artifact type. */
  async function referrers(c: HttpContext): Promise<Response> {
    const repository = gate.repository(c, "pull");
    const subject = digestIn(c.req.param("digest"));
    const asked = c.req.query("artifactType");
    const artifactType = asked === undefined || asked === "" ? undefined : parseMediaType(asked);
    if (asked !== undefined && asked !== "" && artifactType === undefined) {
      throw refusal(400, "UNSUPPORTED", "artifactType is a media type");
    }
    const last = c.req.query("last");
    const page = await store.manifests.referrers(repository, subject, {
      ...(artifactType === undefined ? {} : { artifactType }),
      ...(last === undefined ? {} : { after: digestIn(last) }),
    });
    const headers = new Headers({ "content-type": mediaTypes.ociIndex });
    if (artifactType !== undefined) headers.set("oci-filters-applied", "artifactType");
    if (page.next !== undefined) {
      const query = new URLSearchParams({ last: page.next, ...(artifactType === undefined ? {} : { artifactType }) });
      headers.set("link", `</v2/${repository}/referrers/${subject}?${query.toString()}>; rel="next"`);
    }
    const index = { schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests: page.referrers };
    return new Response(JSON.stringify(index), { headers });
  }

  return [
    { method: "GET", path, access: access.everyone, handler: read },
    { method: "PUT", path, access: access.everyone, handler: write },
    { method: "DELETE", path, access: access.everyone, handler: remove },
    { method: "GET", path: "/v2/:name{.+}/referrers/:digest", access: access.everyone, handler: referrers },
  ];
}

/** A digest has a colon, a tag has none. */
function parseReference(text = ""): ManifestReference {
  return text.includes(":") ? { digest: digestIn(text) } : { tag: parseTag(text) };
}

/** What can be no reference is one that nobody ever stored: 404 rather than 400. */
export function existing(text = ""): ManifestReference {
  const digest: Digest | undefined = parseDigest(text);
  if (digest !== undefined) return { digest };
  try {
    return { tag: parseTag(text) };
  } catch {
    throw new StoreError("MANIFEST_UNKNOWN", `there is no manifest ${JSON.stringify(text.slice(0, 140))}`);
  }
}

function tagsAsked(c: HttpContext): Tag[] {
  const tags = [...new Set(c.req.queries("tag") ?? [])];
  if (tags.length > mostTagsAtOnce) throw refusal(414, "UNSUPPORTED", `at most ${mostTagsAtOnce} tags at once`);
  return tags.map(parseTag);
}
