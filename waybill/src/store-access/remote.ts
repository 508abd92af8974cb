import { Readable } from "node:stream";
import { digestOf, type RepositoryName } from "@waybill/artifact-store";
import type {
  EligibilityVerdict,
  ManifestDetails,
  ManifestListing,
  RetentionClassRules,
  RetentionRecord,
  TombstoneListing,
} from "@waybill/artifact-store/http";
import { UserError } from "@waybill/foundation/errors";
import type { Page, Reference, StoreAccess } from "./contract.ts";
import { httpClient, type Call } from "./http-client.ts";
import { digestIn, manifestPath, nameIn, queryOf, reasonPath, textOf } from "./paths.ts";
import { remoteCollection } from "./remote-collection.ts";
import { remotePackages } from "./remote-packages.ts";
import { remoteTagPolicies } from "./remote-tag-policies.ts";
import { remoteUploads } from "./remote-uploads.ts";
import { remoteWebhooks } from "./remote-webhooks.ts";

/** A store behind a server: `/v2/` for bytes and manifests, `/api/v1` for the rest. */
export function remoteAccess(server: URL, authorization: string | undefined): StoreAccess {
  const client = httpClient(server, authorization);

  async function json<T>(call: Omit<Call, "expected"> & { readonly expected?: readonly number[] }): Promise<T> {
    const { bytes } = await client.send({ expected: [200, 201], ...call });
    try {
      // The server's own schemas made it; a server that is none of ours fails where a field is used.
      return JSON.parse(bytes.toString("utf8")) as T;
    } catch {
      throw new UserError(`${server.origin} answered with something else than JSON`, "Is this a Waybill server?");
    }
  }
  const get = <T>(path: string): Promise<T> => json({ method: "GET", path });
  const done = async (method: string, path: string, expected: readonly number[]): Promise<void> =>
    void (await client.send({ method, path, expected }));
  const retention = (repository: RepositoryName, reference: Reference): Promise<RetentionRecord> =>
    get(`${manifestPath(repository, reference)}/retention`);
  type Kind = "holds" | "pins";
  const placing =
    (kind: Kind): StoreAccess["retention"]["hold"] =>
    (repository, reference, { name, why }) =>
      json({ method: "PUT", path: reasonPath(repository, reference, kind, name), json: { why } });
  const ending =
    (kind: Kind): StoreAccess["retention"]["release"] =>
    (repository, reference, name) =>
      done("DELETE", reasonPath(repository, reference, kind, name), [204]);

  return {
    place: server.origin,
    content: {
      repositories: (page) => get<Page<{ name: string }>>(`/api/v1/repositories?${queryOf(page)}`),
      manifests: (repository, page) =>
        get<Page<ManifestListing>>(`/api/v1/repositories/${nameIn(repository)}/manifests?${queryOf(page)}`),
      tombstones: (repository, page) =>
        get<Page<TombstoneListing>>(`/api/v1/repositories/${nameIn(repository)}/tombstones?${queryOf(page)}`),
      look: (repository, reference) => get<ManifestDetails>(manifestPath(repository, reference)),
      async manifest(repository, reference) {
        const { headers, bytes } = await client.send({
          method: "GET",
          path: `/v2/${repository}/manifests/${textOf(reference)}`,
          headers: { accept: "*/*" },
          expected: [200],
        });
        return {
          digest: digestIn(headers["docker-content-digest"]),
          mediaType: headers["content-type"] ?? "application/octet-stream",
          content: bytes,
        };
      },
      async putManifest(repository, { content, mediaType, tags = [] }) {
        const digest = digestOf(content);
        const query = new URLSearchParams(tags.map((tag): [string, string] => ["tag", tag]));
        const { headers } = await client.send({
          method: "PUT",
          path: `/v2/${repository}/manifests/${digest}?${query.toString()}`,
          headers: mediaType === undefined ? {} : { "content-type": mediaType },
          body: { source: Readable.from([content]), length: content.byteLength },
          expected: [201],
        });
        return digestIn(headers["docker-content-digest"]);
      },
      async blobSize(repository, digest) {
        const path = `/v2/${repository}/blobs/${digest}`;
        const { status, headers } = await client.send({ method: "HEAD", path, expected: [200, 404] });
        return status === 404 ? undefined : Number(headers["content-length"]);
      },
      async openBlob(repository, digest, start): Promise<Readable> {
        const headers = start === 0 ? {} : { range: `bytes=${start}-` };
        const path = `/v2/${repository}/blobs/${digest}`;
        const response = await client.open({ method: "GET", path, headers, expected: [200, 206, 416] });
        if (response.statusCode === (start === 0 ? 200 : 206)) return response;
        response.destroy();
        if (response.statusCode === 416) return Readable.from([]);
        throw new UserError(`${server.origin} does not send parts of blobs`);
      },
    },
    uploads: remoteUploads(client),
    retention: {
      show: retention,
      eligibility: (repository, reference, at) =>
        get<EligibilityVerdict>(
          `${manifestPath(repository, reference)}/eligibility${at === undefined ? "" : `?at=${encodeURIComponent(at)}`}`,
        ),
      hold: placing("holds"),
      release: ending("holds"),
      pin: placing("pins"),
      unpin: ending("pins"),
      async extend(repository, reference, extension) {
        await json({ method: "POST", path: `${manifestPath(repository, reference)}/extensions`, json: extension });
        return await retention(repository, reference);
      },
      classify: (repository, reference, name) =>
        json({ method: "PUT", path: `${manifestPath(repository, reference)}/class`, json: { class: name } }),
      classOf: (repository) => get(`/api/v1/repositories/${nameIn(repository)}/class`),
      useClass: (repository, name) =>
        json({ method: "PUT", path: `/api/v1/repositories/${nameIn(repository)}/class`, json: { class: name } }),
      classes: async () => (await get<{ items: RetentionClassRules[] }>("/api/v1/retention-classes")).items,
      defineClass: ({ name, ...rules }) =>
        json({ method: "PUT", path: `/api/v1/retention-classes/${encodeURIComponent(name)}`, json: rules }),
      removeClass: (name) => done("DELETE", `/api/v1/retention-classes/${encodeURIComponent(name)}`, [204]),
    },
    collection: remoteCollection(client, json),
    tagPolicies: remoteTagPolicies(json, done),
    packages: remotePackages(json),
    webhooks: remoteWebhooks(json, done),
    close: async () => client.close(),
  };
}
