import type { AuditProgress, AuditResult, CollectionProgress, SavedPlan } from "@waybill/artifact-store";
import { UserError } from "@waybill/foundation/errors";
import type { CollectionAccess, CollectionReport, SimulationReport } from "./contract.ts";
import { readEvents } from "./event-stream.ts";
import { failureOf, type Call, type HttpClient } from "./http-client.ts";

/** A plan and a simulation look at everything that may go, before they say a word. */
const patienceMs = 60 * 60_000;

/** Collections through `/api/v1/collection`. */
export function remoteCollection(
  client: HttpClient,
  json: <T>(call: Omit<Call, "expected">) => Promise<T>,
): CollectionAccess {
  /** Work that the server tells of as it goes on. */
  async function told(
    call: Pick<Call, "path" | "json">,
    onProgress: (progress: unknown) => void,
    signal: AbortSignal,
  ): Promise<unknown> {
    const headers = { accept: "text/event-stream" };
    const response = await client.open({ method: "POST", headers, expected: [200], signal, patienceMs, ...call });
    for await (const { event, data } of readEvents(response)) {
      if (event === "progress") onProgress(data);
      if (event === "result") return data;
      if (event === "failed") throw failureOf(data);
    }
    throw new UserError("the server ended before the work did", "Run it again.");
  }
  const collected = async (
    call: Pick<Call, "path" | "json">,
    onStep: Parameters<CollectionAccess["run"]>[0],
    signal: AbortSignal,
  ): Promise<CollectionReport> =>
    (await told(call, (progress) => onStep((progress as CollectionProgress).last), signal)) as CollectionReport;

  const base = "/api/v1/collection";
  return {
    plan: () => json<CollectionReport>({ method: "GET", path: `${base}/plan`, patienceMs }),
    run: (onStep, signal) => collected({ path: `${base}/run` }, onStep, signal),
    savePlan: () => json<SavedPlan>({ method: "GET", path: `${base}/saved-plan`, patienceMs }),
    applyPlan: (plan, onStep, signal) => collected({ path: `${base}/apply`, json: plan }, onStep, signal),
    audit: async (onProgress, signal) =>
      (await told({ path: `${base}/audit` }, (at) => onProgress(at as AuditProgress), signal)) as AuditResult,
    simulate: (at, policy, signal) =>
      json<SimulationReport>({
        method: "POST",
        path: `${base}/simulate`,
        json: { at, ...(policy === undefined ? {} : { policy }) },
        patienceMs,
        signal,
      }),
  };
}
