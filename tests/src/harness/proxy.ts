/** A TCP proxy with a rate, a stop-cock and scissors: the slow or broken link of a test. */
export { type RateLimitedProxy, rateLimitedProxy } from "@waybill/pulltrace/testing";
