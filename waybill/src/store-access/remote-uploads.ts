import { Readable } from "node:stream";
import type { RepositoryName } from "@waybill/artifact-store";
import type { UploadListing } from "@waybill/artifact-store/http";
import type { Page, UploadAccess, UploadPlace } from "./contract.ts";
import type { HttpClient } from "./http-client.ts";
import { offsetIn, queryOf } from "./paths.ts";

/** Uploads through `/v2/` ("Pushing a blob in chunks"). */
export function remoteUploads(client: HttpClient): UploadAccess {
  const pathOf = (repository: RepositoryName, id: string): string => `/v2/${repository}/blobs/uploads/${id}`;
  return {
    async start(repository): Promise<UploadPlace> {
      const path = `/v2/${repository}/blobs/uploads/`;
      const { headers } = await client.send({ method: "POST", path, expected: [202] });
      return { id: headers.location?.split("?")[0]?.split("/").at(-1) ?? "", offset: 0 };
    },
    async status(repository, id) {
      const { status, headers } = await client.send({
        method: "GET",
        path: pathOf(repository, id),
        expected: [204, 404],
      });
      return status === 404 ? undefined : { id, offset: offsetIn(headers.range) };
    },
    async append(repository, id, { source, offset, length }) {
      await client.send({
        method: "PATCH",
        path: pathOf(repository, id),
        headers: {
          "content-type": "application/octet-stream",
          ...(length === 0 ? {} : { "content-range": `${offset}-${offset + length - 1}` }),
        },
        body: { source, length },
        expected: [202],
      });
      return { id, offset: offset + length };
    },
    async finish(repository, id, digest) {
      await client.send({ method: "PUT", path: `${pathOf(repository, id)}?digest=${digest}`, expected: [201] });
    },
    async put(repository, bytes, digest) {
      await client.send({
        method: "POST",
        path: `/v2/${repository}/blobs/uploads/?digest=${digest}`,
        headers: { "content-type": "application/octet-stream" },
        body: { source: Readable.from([bytes]), length: bytes.byteLength },
        expected: [201],
      });
    },
    async list(page) {
      const { bytes } = await client.send({ method: "GET", path: `/api/v1/uploads?${queryOf(page)}`, expected: [200] });
      return JSON.parse(bytes.toString("utf8")) as Page<UploadListing>;
    },
    async cancel(id) {
      await client.send({ method: "DELETE", path: `/api/v1/uploads/${encodeURIComponent(id)}`, expected: [204] });
    },
  };
}
