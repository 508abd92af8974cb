import { access } from "@waybill/foundation/auth";
import { asProblem, problemBody } from "@waybill/foundation/errors";
import { eventStream, logOf, sseFrame, type HttpContext, type HttpRoute } from "@waybill/foundation/http";
import { z } from "zod";
import type { Store } from "../store/index.ts";
import { planOf } from "./answers.ts";
import { schemas, time } from "./api-schemas.ts";
import type { Gate } from "./gate.ts";
import { routeOf, type Operation } from "./operation.ts";
import { orProblem } from "./problems.ts";

const step = z
  .object({
    kind: z.enum([
      "expire-package",
      "delete-manifest",
      "unlink-blob",
      "revive-blob",
      "condemn-blob",
      "delete-blob",
      "remove-bytes",
    ]),
    repository: z.string().optional(),
    package: z.uuid().optional(),
    digest: z.string().optional(),
    key: z.string().optional(),
    bytes: z.int().optional(),
    sentence: z.string(),
  })
  .register(schemas, { id: "CollectionStep", description: "One thing that a collection does, and why." });

export const plan = z
  .object({ at: time, steps: z.array(step), bytesFreed: z.int(), bytesCondemned: z.int() })
  .register(schemas, {
    id: "CollectionPlan",
    description:
      "`bytesCondemned` are given back by a later collection, after their grace, unless somebody wants them.",
  });

const audit = z.object({
  blobs: z.int(),
  bytes: z.int(),
  findings: z.array(z.object({ kind: z.enum(["missing", "corrupt", "unnamed"]), key: z.string(), detail: z.string() })),
});

export const streamed =
  "With `Accept: text/event-stream` it tells of its progress (`progress`), and ends with `result` or `failed`; whoever " +
  "closes the stream stops it between two steps.";

export const collectionOperations = {
  getCollectionPlan: {
    id: "getCollectionPlan",
    method: "GET",
    path: "/api/v1/collection/plan",
    tag: "collection",
    access: access.operators,
    summary: "What a collection would do now",
    answer: { status: 200, description: "The plan.", schema: plan },
  },
  runCollection: {
    id: "runCollection",
    method: "POST",
    path: "/api/v1/collection/run",
    tag: "collection",
    access: access.operators,
    summary: "Collect now",
    description: streamed,
    answer: { status: 200, description: "What was done, in the shape of a plan.", schema: plan },
  },
  auditStore: {
    id: "auditStore",
    method: "POST",
    path: "/api/v1/collection/audit",
    tag: "collection",
    access: access.operators,
    summary: "Read every byte of the store, and tell what does not fit",
    description: `Changes nothing. ${streamed}`,
    answer: { status: 200, description: "The findings.", schema: audit },
  },
} as const satisfies Record<string, Operation>;

/** For those above all tenants: steps name repositories of everybody. */
export function collectionRoutes(store: Store, gate: Gate): HttpRoute[] {
  const { collection } = store;
  return [
    routeOf(collectionOperations.getCollectionPlan, async (c) => {
      gate.wholeStore(c);
      return planOf(await collection.plan({ everywhere: true, signal: c.req.raw.signal }));
    }),
    routeOf(collectionOperations.runCollection, async (c) => {
      gate.wholeStore(c);
      return await told(c, async (signal, tell) => {
        const done = await collection.run({
          everywhere: true,
          signal,
          onProgress: ({ steps, bytesFreed, last }) => tell({ steps, bytesFreed, last }),
        });
        return planOf(done);
      });
    }),
    routeOf(collectionOperations.auditStore, async (c) => {
      gate.wholeStore(c);
      return await told(c, async (signal, tell) => {
        const { blobs, bytes, findings } = await collection.audit({ signal, onProgress: tell });
        return { blobs, bytes, findings: findings.map(({ kind, key, detail }) => ({ kind, key, detail })) };
      });
    }),
  ];
}

/** Long work: its result as JSON in the end, or as events while it goes on. Ends with whoever asked. */
export async function told<T extends object>(
  c: HttpContext,
  work: (signal: AbortSignal, tell: (progress: object) => void) => Promise<T>,
): Promise<T | Response> {
  if (c.req.header("accept")?.includes("text/event-stream") !== true) {
    return await work(c.req.raw.signal, () => undefined);
  }
  const ended = new AbortController();
  const stream = eventStream(c, { onClose: () => ended.abort() });
  const send = (event: string, data: object): void => void stream.send(sseFrame({ event, data: JSON.stringify(data) }));
  void work(ended.signal, (progress) => send("progress", progress))
    .then(
      (result) => send("result", result),
      (error: unknown) => {
        if (ended.signal.aborted) return;
        const problem = asProblem(orProblem(error));
        if (problem.status >= 500) logOf(c).error({ err: error }, "a collection failed");
        send("failed", problemBody(problem));
      },
    )
    .finally(() => stream.close());
  return stream.response;
}
