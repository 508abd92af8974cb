/**
 * HTTP as every system of Waybill serves it: routes that each declare who may enter, limits on bodies, headers and on
 * time without progress (never a deadline on a body that still flows), request ids, errors as problem+json, a shutdown
 * that drains, health that tests something. Handlers are `Request → Response`; byte paths take the raw Node streams.
 */
export { admitAgent, createApp, requestIdOf, type AppOptions } from "./app.ts";
export { clientIsGone, readBody, readIncoming, readJson } from "./body.ts";
export {
  ALREADY_SENT,
  answerAtOnce,
  logOf,
  type HttpContext,
  type HttpEnv,
  type HttpRoute,
  type RouteGroup,
} from "./route.ts";
export {
  acceptsGzip,
  encodeFrames,
  eventStream,
  sseFrame,
  type EventStream,
  type StreamEncoding,
} from "./event-stream.ts";
export { healthGroup, type HealthCheck } from "./health.ts";
export { metricsGroup } from "./metrics.ts";
export {
  defaultLimits,
  drainSignalOf,
  startListener,
  startServer,
  type HttpLimits,
  type RunningServer,
} from "./server.ts";
export { staticGroup } from "./static-files.ts";
export { guardHost, isLoopback } from "./host-guard.ts";
export { credentialsOf, sessionCookie } from "./credentials.ts";
