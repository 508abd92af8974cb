/** The program of the agent's container image. */
import * as body from "../pulltrace-agent.ts";
import { runAlone } from "./run.ts";

// A program is bundled as CommonJS, where no await stands outside of functions.
void runAlone("pulltrace-agent", "Reports the image pulls of this node's containerd.", body);
