/** The program of the pull server's container image. */
import * as body from "../pulltrace-server.ts";
import { runAlone } from "./run.ts";

await runAlone("pulltrace-server", "Serves the image pulls of all nodes: API, page and metrics.", body);
