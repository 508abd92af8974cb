/** The program of the pull server's container image. */
import * as body from "../pulltrace-server.ts";
import { runAlone } from "./run.ts";

// A program is bundled as CommonJS, where no await stands outside of functions.
void runAlone("pulltrace-server", "Serves the image pulls of all nodes: API, page and metrics.", body);
