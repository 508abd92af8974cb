/** The manager as a service. */
export { startManagerService } from "./manager-service.ts";
