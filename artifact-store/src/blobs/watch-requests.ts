import type { S3Client } from "@aws-sdk/client-s3";

/** How a request ended, for whoever counts: few values, so that they can be labels. */
export type BlobRequestOutcome = "ok" | "missing" | "conflict" | "throttled" | "refused" | "failed" | "unreachable";

/** One request to S3; an attempt is a request. */
export interface BlobRequest {
  /** `PutObject`, `UploadPart`, … */
  readonly operation: string;
  readonly outcome: BlobRequestOutcome;
  /** Until the head of its answer was there; a body that is read afterwards is not in it. */
  readonly seconds: number;
}

function outcomeOf(status: number | undefined): BlobRequestOutcome {
  if (status === undefined) return "unreachable";
  if (status < 400) return "ok";
  if (status === 404) return "missing";
  if (status === 409 || status === 412) return "conflict";
  if (status === 429 || status === 503) return "throttled";
  return status < 500 ? "refused" : "failed";
}

function statusOf(error: unknown): number | undefined {
  const metadata = (error as { readonly $metadata?: { readonly httpStatusCode?: number } } | undefined)?.$metadata;
  return metadata?.httpStatusCode;
}

/** Tells `onRequest` of each request that this client sent, when its answer is there or it has failed. */
export function watchRequests(client: S3Client, onRequest: (request: BlobRequest) => void): void {
  client.middlewareStack.add(
    (next, context) => async (args) => {
      const operation = (context.commandName ?? "").replace(/Command$/, "");
      const startedAt = performance.now();
      const tell = (outcome: BlobRequestOutcome): void =>
        onRequest({ operation, outcome, seconds: (performance.now() - startedAt) / 1000 });
      try {
        const answer = await next(args);
        tell("ok");
        return answer;
      } catch (error) {
        tell(outcomeOf(statusOf(error)));
        throw error;
      }
    },
    { step: "finalizeRequest", name: "told" },
  );
}
