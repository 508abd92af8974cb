/** What the server says about itself, to everybody. */
export { systemRoutes } from "./routes.ts";
