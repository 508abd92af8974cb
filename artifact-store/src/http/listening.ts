import type { HttpContext } from "@waybill/foundation/http";

/**
 * Whether anybody is there to hear the answer. Nobody is after the connection broke, and after bytes came that belong to no
 * request: Node answered those with 400 itself, also in the place of an answer that was not ready.
 */
export function isListening(c: HttpContext): boolean {
  const { outgoing } = c.env;
  return !outgoing.destroyed && outgoing.socket?.writable === true;
}
