import { request as httpRequest } from "node:http";
import { request as httpsRequest } from "node:https";
import { isIP } from "node:net";
import { guardedLookup, isInside, PrivateAddress } from "./address-guard.ts";
import { signatureOf } from "./signature.ts";

export interface DeliveryLimits {
  /** From the first byte sent to the end of the answer. Milliseconds. */
  readonly timeoutMs: number;
  /** Before the second attempt; doubles with each, and each waits for a random part of it. Milliseconds. */
  readonly firstDelayMs: number;
  readonly longestDelayMs: number;
  /** After so many an event is given up. */
  readonly attempts: number;
  /** Whether an address may lie in a private network, and be plain HTTP. */
  readonly allowPrivateNetworks: boolean;
}

/** About three days of trying. */
export const defaultDeliveryLimits: DeliveryLimits = {
  timeoutMs: 10_000,
  firstDelayMs: 1000,
  longestDelayMs: 4 * 60 * 60 * 1000,
  attempts: 32,
  allowPrivateNetworks: false,
};

/** Milliseconds until the next attempt: a random part of what doubles with every failure, at least a tenth. */
export function delayAfter(failures: number, limits: DeliveryLimits, random: () => number = Math.random): number {
  const most = Math.min(limits.longestDelayMs, limits.firstDelayMs * 2 ** Math.min(failures - 1, 40));
  return Math.round(most * (0.1 + 0.9 * random()));
}

/** What is sent, to whom. */
export interface Delivery {
  readonly url: string;
  readonly secret: string;
  /** The same for every attempt: whoever has seen it has seen the event. */
  readonly id: string;
  readonly body: string;
}

/** Sends once. @throws Error that says what went wrong, without what the other side wrote */
export async function deliver(
  delivery: Delivery,
  limits: DeliveryLimits,
  signal: AbortSignal,
  now: () => number,
): Promise<void> {
  const url = new URL(delivery.url);
  const host = url.hostname.replace(/^\[|\]$/g, "");
  if (!limits.allowPrivateNetworks) {
    if (url.protocol !== "https:") throw new Error("only https addresses are allowed");
    // Where there is nothing to resolve nobody asks the guarded look-up.
    if (isIP(host) !== 0 && isInside(host)) throw new PrivateAddress(host);
  }
  const at = Math.floor(now() / 1000);
  const timeout = AbortSignal.timeout(limits.timeoutMs);
  const headers = {
    "content-type": "application/cloudevents+json; charset=utf-8",
    "content-length": Buffer.byteLength(delivery.body),
    "user-agent": "waybill-artifact-store",
    "webhook-id": delivery.id,
    "webhook-timestamp": String(at),
    "webhook-signature": signatureOf(delivery.secret, delivery.id, at, delivery.body),
  };
  const status = await new Promise<number>((resolve, reject) => {
    const send = url.protocol === "https:" ? httpsRequest : httpRequest;
    const request = send(
      url,
      {
        method: "POST",
        headers,
        // A connection for each: they are rare, and one that is kept open dies unnoticed.
        agent: false,
        signal: AbortSignal.any([signal, timeout]),
        ...(limits.allowPrivateNetworks ? {} : { lookup: guardedLookup }),
      },
      (response) => {
        // What it says is of no use, and might never end.
        response.destroy();
        resolve(response.statusCode ?? 0);
      },
    );
    request.once("error", (error) =>
      reject(timeout.aborted ? new Error(`no answer within ${limits.timeoutMs} ms`, { cause: error }) : error),
    );
    request.end(delivery.body);
  });
  // Redirects are not followed: they would lead past the guard.
  if (status < 200 || status > 299) throw new Error(`it answered ${status}`);
}
