/**
 * HTTP/2 (RFC 9113, with RFC 7541 for headers) as a client needs it that asks one peer on a socket in clear text, knowing that it
 * speaks it: many requests at once, flow control both ways, nothing pushed. Everything that the peer may send without end has a bound.
 */
export type { HeaderField } from "./static-table.ts";
export { connectHttp2, type Http2Connection } from "./connection.ts";
