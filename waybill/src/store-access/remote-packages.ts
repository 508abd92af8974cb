import type { PackageFile } from "@waybill/artifact-store";
import { NotFoundError } from "../errors/index.ts";
import type { PackageAccess, PackageListing, Page } from "./contract.ts";
import type { Call } from "./http-client.ts";
import { queryOf } from "./paths.ts";

type Json = <T>(call: Omit<Call, "expected">) => Promise<T>;

/** Packages through `/api/v1/packages`. */
export function remotePackages(json: Json): PackageAccess {
  const pathOf = (id: string): string => `/api/v1/packages/${encodeURIComponent(id)}`;
  return {
    open: ({ key, ...asked }) =>
      json<PackageListing>({
        method: "POST",
        path: "/api/v1/packages",
        headers: { "idempotency-key": key },
        json: asked,
      }),
    async get(id) {
      try {
        return await json<PackageListing>({ method: "GET", path: pathOf(id) });
      } catch (error) {
        if (error instanceof NotFoundError) return undefined;
        throw error;
      }
    },
    files: (id, page) => json<Page<PackageFile>>({ method: "GET", path: `${pathOf(id)}/files?${queryOf(page)}` }),
    async addFile(id, { path, digest }) {
      const query = new URLSearchParams({ path, blob: digest });
      await json({ method: "POST", path: `${pathOf(id)}/files?${query.toString()}` });
    },
    seal: (id) => json<PackageListing>({ method: "PUT", path: `${pathOf(id)}/seal` }),
    find({ labels, repository, producer, kind, runId, deleted, ...page }) {
      const query = new URLSearchParams(queryOf(page));
      for (const [name, value] of Object.entries({ repository, producer, kind, runId })) {
        if (value !== undefined) query.set(name, value);
      }
      if (deleted === true) query.set("state", "deleted");
      const pairs = Object.entries(labels).map(
        ([key, value]) => `${key}=${value.replaceAll(/[%,]/g, (character) => encodeURIComponent(character))}`,
      );
      if (pairs.length > 0) query.set("label", pairs.join(","));
      return json<Page<PackageListing>>({ method: "GET", path: `/api/v1/packages?${query.toString()}` });
    },
  };
}
