import type { HttpContext, HttpRoute } from "@waybill/foundation/http";
import { mayReadTenant } from "@waybill/foundation/auth";
import { StoreError } from "../errors/index.ts";
import { parseRepositoryName, tenantOfRepository, type RepositoryName } from "../names/index.ts";
import type { Store } from "../store/index.ts";
import { detailsOf, listingOf, tombstoneOf, uploadOf } from "./answers.ts";
import { pageAnswer, pageAsked } from "./api-schemas.ts";
import { digestIn } from "./digest.ts";
import type { Gate } from "./gate.ts";
import { existing } from "./manifests.ts";
import { routeOf } from "./operation.ts";
import { listingOperations as operations } from "./retention-operations.ts";

/** What is there: repositories, manifests, what is left of deleted ones, uploads that run. */
export function listingRoutes(store: Store, gate: Gate): HttpRoute[] {
  return [
    routeOf(operations.listRepositories, async (c, { query }) => {
      const visible = gate.catalog(c);
      const { after, limit } = pageAsked(query);
      const page = await store.repositories.list({
        visible,
        limit,
        ...(after === "" ? {} : { after: parseRepositoryName(after) }),
      });
      const items = page.repositories.map((name) => ({ name }));
      return pageAnswer(items, page.more ? items.at(-1)?.name : undefined);
    }),
    routeOf(operations.listManifests, async (c, { query }) => {
      const repository = gate.repository(c, "pull");
      const page = await store.manifests.list(repository, manifestPage(pageAsked(query)));
      const items = page.manifests.map(listingOf);
      return pageAnswer(items, page.more ? items.at(-1)?.digest : undefined);
    }),
    routeOf(operations.getManifest, async (c) => {
      const repository = gate.repository(c, "pull");
      return detailsOf(repository, await store.manifests.look(repository, existing(c.req.param("reference"))));
    }),
    routeOf(operations.getRepositoryClass, async (c) => ofRepository(store, gate.repository(c, "pull"))),
    routeOf(operations.putRepositoryClass, async (c, { body }) => {
      const repository = gate.repository(c, "push");
      await store.retention.useClass(repository, body.class);
      return await ofRepository(store, repository);
    }),
    routeOf(operations.listTombstones, async (c, { query }) => {
      const repository = gate.repository(c, "pull");
      const { after, limit } = pageAsked(query);
      const rows = await store.retention.tombstones(repository, { limit: limit + 1, after });
      const items = rows.slice(0, limit).map(tombstoneOf);
      return pageAnswer(items, rows.length > limit ? items.at(-1)?.digest : undefined);
    }),
    routeOf(operations.listUploads, async (c, { query }) => {
      const visible = gate.catalog(c);
      const { uploads, more } = await store.uploads.list({ visible, ...pageAsked(query) });
      const items = uploads.map(uploadOf);
      return pageAnswer(items, more ? items.at(-1)?.id : undefined);
    }),
    routeOf(operations.deleteUpload, async (c) => {
      const id = c.req.param("upload") ?? "";
      const repository = gate.enter(c, await repositoryOfUpload(store, c, id), "push");
      await store.uploads.cancel(repository, id);
      return undefined;
    }),
  ];
}

/** Another tenant's upload is like one that never began. */
async function repositoryOfUpload(store: Store, c: HttpContext, id: string): Promise<RepositoryName> {
  const repository = await store.uploads.repositoryOf(id);
  if (mayReadTenant(c.var.principal, tenantOfRepository(repository))) return repository;
  throw new StoreError("BLOB_UPLOAD_UNKNOWN", "there is no such upload");
}

async function ofRepository(store: Store, name: RepositoryName): Promise<{ name: string; class: string }> {
  return { name, class: (await store.retention.classOf(name)).name };
}

function manifestPage({ after, limit }: { readonly after: string; readonly limit: number }) {
  return { limit, ...(after === "" ? {} : { after: digestIn(after) }) };
}
