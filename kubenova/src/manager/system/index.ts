/** What the server says about itself, to everybody. */
export { systemRoutes, type SystemOptions } from "./routes.ts";
