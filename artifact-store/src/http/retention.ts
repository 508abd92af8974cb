import { Problem } from "@waybill/foundation/errors";
import type { HttpContext, HttpRoute } from "@waybill/foundation/http";
import type { Digest } from "../digest/index.ts";
import type { RepositoryName } from "../names/index.ts";
import type { RetentionClass } from "../retention/index.ts";
import type { Store } from "../store/index.ts";
import { recordOf, rulesOf, verdictOf } from "./answers.ts";
import { timeText } from "./api-schemas.ts";
import { conditionsOf, tagged } from "./entity-tag.ts";
import type { Gate } from "./gate.ts";
import { existing } from "./manifests.ts";
import { routeOf } from "./operation.ts";
import { ownOnly } from "./own-only.ts";
import { retentionOperations as operations } from "./retention-operations.ts";
import type { Action } from "./scope.ts";

/** Why a manifest is kept and for how long: of packages and of images, which are the same here. */
export function retentionRoutes(store: Store, gate: Gate): HttpRoute[] {
  const { retention } = store;

  /** The manifest that the path names. Looking at it is no use of it. */
  async function manifestOf(
    c: HttpContext,
    action: Action,
  ): Promise<{ readonly repository: RepositoryName; readonly digest: Digest }> {
    const repository = gate.repository(c, action);
    const { digest } = await store.manifests.look(repository, existing(c.req.param("reference")));
    return { repository, digest };
  }

  async function record({ repository, digest }: { readonly repository: RepositoryName; readonly digest: Digest }) {
    return recordOf(repository, digest, await retention.show(repository, digest));
  }

  /** Places the hold or pin that the path names, and answers the record. */
  async function placed(c: HttpContext, kind: "hold" | "pin", { why }: { readonly why: string }) {
    const { repository, digest } = await manifestOf(c, "push");
    const reason = { name: c.req.param(kind) ?? "", holder: c.var.principal.subject, why };
    await retention[kind](repository, digest, reason, ownOnly(c, kind));
    return await record({ repository, digest });
  }

  /** Ends the hold or pin that the path names. */
  async function ended(c: HttpContext, kind: "hold" | "pin"): Promise<undefined> {
    const { repository, digest } = await manifestOf(c, "push");
    const name = c.req.param(kind) ?? "";
    const was =
      kind === "pin"
        ? await retention.unpin(repository, digest, name, ownOnly(c, kind))
        : await retention.release(repository, digest, name);
    if (!was) throw notThere(`${repository}@${digest} has no ${kind} ${name}`);
  }

  return [
    routeOf(operations.getRetention, async (c) => record(await manifestOf(c, "pull"))),
    routeOf(operations.getEligibility, async (c, { query }) => {
      const { repository, digest } = await manifestOf(c, "pull");
      const at = query.at === undefined ? Date.now() : Date.parse(query.at);
      return verdictOf(repository, digest, at, await retention.eligibility(repository, digest, at));
    }),
    routeOf(operations.putHold, (c, { body }) => placed(c, "hold", body)),
    routeOf(operations.deleteHold, (c) => ended(c, "hold")),
    routeOf(operations.putPin, (c, { body }) => placed(c, "pin", body)),
    routeOf(operations.deletePin, (c) => ended(c, "pin")),
    routeOf(operations.createExtension, async (c, { body }) => {
      const { repository, digest } = await manifestOf(c, "push");
      const until = await retention.extend(repository, digest, {
        until: Date.parse(body.until),
        holder: c.var.principal.subject,
        why: body.why,
      });
      return { expiresAt: timeText(until) };
    }),
    routeOf(operations.putManifestClass, async (c, { body }) => {
      const manifest = await manifestOf(c, "push");
      await retention.classify(manifest.repository, manifest.digest, body.class);
      return await record(manifest);
    }),
    routeOf(operations.listRetentionClasses, async () => ({ items: (await retention.classes()).map(rulesOf) })),
    routeOf(operations.getRetentionClass, async (c) =>
      tagged(rulesOf(await classOf(store, c.req.param("class") ?? ""))),
    ),
    routeOf(operations.putRetentionClass, async (c, { body }) => {
      gate.wholeStore(c);
      const conditions = conditionsOf(c);
      const rules = { name: c.req.param("class") ?? "", ...body };
      return tagged(rulesOf(await retention.defineClass(rules, (now) => conditions(now && rulesOf(now)))));
    }),
    routeOf(operations.deleteRetentionClass, async (c) => {
      gate.wholeStore(c);
      const name = c.req.param("class") ?? "";
      const conditions = conditionsOf(c);
      if (!(await retention.removeClass(name, (now) => conditions(rulesOf(now)))))
        throw notThere(`there is no class ${JSON.stringify(name.slice(0, 80))}`);
      return undefined;
    }),
  ];
}

async function classOf(store: Store, name: string): Promise<RetentionClass> {
  const found = (await store.retention.classes()).find((one) => one.name === name);
  if (found === undefined) throw notThere(`there is no class ${JSON.stringify(name.slice(0, 80))}`);
  return found;
}

/** What belongs to something that is there, and is not there itself. */
function notThere(detail: string): Problem {
  return new Problem({ code: "NOT_FOUND", status: 404, title: "Not found", detail });
}
