/**
 * The whole of Waybill in one process: opens the data folder, hands each system what it wants to know of the others,
 * listens, and takes everything down in the right order.
 */
export { startWaybill, type AgentState, type RunningWaybill, type WaybillInit } from "./waybill.ts";
