import type { Command } from "commander";
import { addEnding } from "./store-reason.ts";

const help = `
Ends a pin. What then becomes of the manifest, its class and its tags decide. Exit code 4 when there is no such pin, and 5
when it is somebody else's and you are no owner.

Examples:
  waybill store unpin acme/app:v1 web-7
`;

export function configure(command: Command): void {
  addEnding(command, "pin").addHelpText("after", help);
}
