import type { Command } from "commander";
import { addEnding } from "./store-reason.ts";

const help = `
Ends a hold. What then becomes of the manifest, its class and its tags decide. Exit code 4 when there is no such hold.

Examples:
  waybill store release acme/app:v1 case-7
`;

export function configure(command: Command): void {
  addEnding(command, "hold").addHelpText("after", help);
}
