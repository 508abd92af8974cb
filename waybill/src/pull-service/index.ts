/** The pull server as a service, and what of it `waybill up` has as well. */
export { podSourceOf } from "./pod-source.ts";
export { startPullService } from "./pull-service.ts";
