import type { Failure } from "../contract/index.ts";
import { causesOf } from "./failure-causes.ts";
import { readableMessage } from "./failure-text.ts";
import { retryTime } from "./retry-time.ts";

/**
 * What a message of containerd (1.6 to 2.2), of its CRI plugin, of kubelet (1.34) or of the agent means and what to do.
 * Pure. The message is taken as hostile: any length, any characters; what of it comes back is one line without control
 * characters, credentials and query strings.
 * @param at when the message was written: relative times in it ("retry after 30 s") count from then.
 */
export function explainFailure(message: string, at: Date): Failure {
  const text = readableMessage(message);
  const cause = causesOf(text);
  const retryAt = cause.retries ? retryTime(text, at) : undefined;
  return {
    code: cause.code,
    sentence: cause.sentence,
    advice: cause.advice,
    ...(retryAt === undefined ? {} : { retryAt: retryAt.toISOString() }),
  };
}
