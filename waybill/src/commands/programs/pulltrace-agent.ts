/** The program of the agent's container image. */
import * as body from "../pulltrace-agent.ts";
import { runAlone } from "./run.ts";

await runAlone("pulltrace-agent", "Reports the image pulls of this node's containerd.", body);
