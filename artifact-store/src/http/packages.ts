import { mayReadTenant } from "@waybill/foundation/auth";
import { Problem } from "@waybill/foundation/errors";
import type { HttpContext, HttpRoute } from "@waybill/foundation/http";
import type { Logger } from "@waybill/foundation/telemetry";
import type { z } from "zod";
import type { Digest } from "../digest/index.ts";
import { StoreError } from "../errors/index.ts";
import { isUuid, parseRepositoryName, tenantOfRepository, type RepositoryName } from "../names/index.ts";
import type { Package, PackageFile, PackageState } from "../packages/index.ts";
import type { Store } from "../store/index.ts";
import { recordOf, verdictOf } from "./answers.ts";
import { pageAsked, timeText } from "./api-schemas.ts";
import { conditionsOf, tagged } from "./entity-tag.ts";
import type { Gate } from "./gate.ts";
import { idempotencyKey, replayed } from "./idempotency-key.ts";
import { routeOf } from "./operation.ts";
import { ownOnly } from "./own-only.ts";
import { PackageBytes } from "./package-bytes.ts";
import { packageOperations as operations } from "./package-operations.ts";
import { labelsOf, type packageSchema } from "./package-schemas.ts";
import type { Action } from "./scope.ts";

/** The ingestion API: packages of files, as people and programs see them. */
export function packageRoutes(store: Store, gate: Gate, log: Logger): HttpRoute[] {
  const { packages, retention } = store;
  const bytes = new PackageBytes(store, log);

  /** The package that the path names. One of another tenant is like one that never was. */
  async function named(c: HttpContext, action: Action, id = c.req.param("package") ?? ""): Promise<Package> {
    if (!isUuid(id)) throw new StoreError("PACKAGE_UNKNOWN", "there is no such package");
    const found = await packages.get(id);
    if (!mayReadTenant(c.var.principal, tenantOfRepository(found.repository)) && !gate.isPublic(found.repository)) {
      throw new StoreError("PACKAGE_UNKNOWN", "there is no such package");
    }
    gate.enter(c, found.repository, action);
    return found;
  }

  async function manifestOf(
    c: HttpContext,
    action: Action,
  ): Promise<{ readonly repository: RepositoryName; readonly digest: Digest }> {
    const { state, repository, digest, reason } = await named(c, action);
    if (state === "deleted") throw new StoreError("PACKAGE_GONE", `this package was deleted: ${reason ?? ""}`);
    if (digest !== undefined) return { repository, digest };
    throw conflict("retention begins when a package is sealed; an open one is kept until it expires");
  }

  return [
    routeOf(operations.openPackage, async (c, { body }) => {
      const repository = gate.enter(c, parseRepositoryName(body.repository), "push");
      const key = idempotencyKey(c);
      const before = Date.now();
      const opened = await packages.open({ ...present(body), repository, ...(key === undefined ? {} : { key }) });
      return Response.json(answerOf(opened), {
        status: 201,
        headers: {
          "cache-control": "no-store",
          location: `/api/v1/packages/${opened.id}`,
          ...(opened.createdAt < before ? replayed : {}),
        },
      });
    }),
    routeOf(operations.listPackages, async (c, { query }) => {
      const { limit, cursor, label, outcome, subject, state, repository, ...fields } = query;
      const labels = labelsOf(label);
      if (labels === undefined)
        throw new StoreError("PACKAGE_INVALID", "label: a value is not percent-encoded rightly");
      const page = await packages.find({
        ...present(fields),
        visible: gate.catalog(c),
        ...(repository === undefined ? {} : { repository: parseRepositoryName(repository) }),
        labels: { ...labels, ...present({ outcome, subject }) },
        ...(state === undefined ? {} : { states: state.split(",") as PackageState[] }),
        ...(cursor === undefined ? {} : { cursor }),
        limit: pageAsked({ limit }).limit,
      });
      return { items: page.items.map(answerOf), ...present({ nextCursor: page.nextCursor }) };
    }),
    routeOf(operations.getPackage, async (c) => {
      const asked = bytes.archiveAsked(c.req.param("package") ?? "");
      if (asked === undefined) return tagged(answerOf(await named(c, "pull")));
      const { id } = await named(c, "pull", asked.id);
      return await bytes.sendArchive(c, id, asked.format);
    }),
    routeOf(operations.changePackage, async (c, { body }) => {
      const { id } = await named(c, "push");
      const conditions = conditionsOf(c);
      const check = (now: Package): void => conditions(answerOf(now));
      return tagged(answerOf(await packages.describe(id, present(body), check)));
    }),
    routeOf(operations.deletePackage, async (c, { query }) => {
      const { id } = await named(c, "delete");
      const { subject } = c.var.principal;
      return answerOf(await packages.delete(id, query.reason ?? `${subject} deleted it`));
    }),
    routeOf(operations.addPackageFile, async (c, { query }) => {
      const { id } = await named(c, "push");
      return fileAnswerOf(await bytes.takeFile(c, id, present(query)));
    }),
    routeOf(operations.addPackageArchive, async (c, { query }) => {
      const { id } = await named(c, "push");
      return { items: (await bytes.takeArchive(c, id, query.under)).map(fileAnswerOf) };
    }),
    routeOf(operations.listPackageFiles, async (c, { query }) => {
      const { id } = await named(c, "pull");
      const page = await packages.files(id, {
        limit: pageAsked(query).limit,
        ...(query.cursor === undefined ? {} : { cursor: query.cursor }),
      });
      return { items: page.items.map(fileAnswerOf), ...present({ nextCursor: page.nextCursor }) };
    }),
    routeOf(operations.getPackageFile, async (c) => {
      const { id } = await named(c, "pull");
      return await bytes.sendFile(c, id, c.req.param("path") ?? "");
    }),
    routeOf(operations.sealPackage, async (c) => {
      const { id } = await named(c, "push");
      return answerOf(await packages.seal(id));
    }),
    routeOf(operations.getPackageRetention, async (c) => {
      const { repository, digest } = await manifestOf(c, "pull");
      return recordOf(repository, digest, await retention.show(repository, digest));
    }),
    routeOf(operations.getPackageEligibility, async (c, { query }) => {
      const { repository, digest } = await manifestOf(c, "pull");
      const at = query.at === undefined ? Date.now() : Date.parse(query.at);
      return verdictOf(repository, digest, at, await retention.eligibility(repository, digest, at));
    }),
    routeOf(operations.extendPackage, async (c, { body }) => {
      const { repository, digest } = await manifestOf(c, "push");
      const extension = { until: Date.parse(body.until), holder: c.var.principal.subject, why: body.why };
      return { expiresAt: timeText(await retention.extend(repository, digest, extension)) };
    }),
    routeOf(operations.holdPackage, async (c, { body }) => {
      const { repository, digest } = await manifestOf(c, "push");
      await retention.hold(repository, digest, { ...body, holder: c.var.principal.subject }, ownOnly(c, "hold"));
      return recordOf(repository, digest, await retention.show(repository, digest));
    }),
    routeOf(operations.releasePackage, async (c) => {
      const { repository, digest } = await manifestOf(c, "push");
      const name = c.req.param("hold") ?? "";
      if (await retention.release(repository, digest, name)) return undefined;
      throw new Problem({
        code: "NOT_FOUND",
        status: 404,
        title: "Not found",
        detail: `it has no hold ${JSON.stringify(name.slice(0, 80))}`,
      });
    }),
  ];
}

function conflict(detail: string): Problem {
  return new Problem({ code: "PACKAGE_OPEN", status: 409, title: "Not sealed yet", detail });
}

type Present<T> = { [K in keyof T]: Exclude<T[K], undefined> };

/** Without the fields that nobody gave. */
function present<T extends object>(value: T): Present<T> {
  return Object.fromEntries(Object.entries(value).filter(([, field]) => field !== undefined)) as Present<T>;
}

/** As it goes over the wire. */
export function answerOf(of: Package): z.output<typeof packageSchema> {
  const { createdAt, sealedAt, expiresAt, links, labels, ...same } = of;
  return {
    ...same,
    labels: { ...labels },
    links: links.map((link) => ({ ...link })),
    createdAt: timeText(createdAt),
    ...(sealedAt === undefined ? {} : { sealedAt: timeText(sealedAt) }),
    ...(expiresAt === undefined ? {} : { expiresAt: timeText(expiresAt) }),
  };
}

function fileAnswerOf({ path, mediaType, size, digest }: PackageFile): PackageFile {
  return { path, mediaType, size, digest };
}
