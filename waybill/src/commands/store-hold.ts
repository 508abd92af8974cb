import type { Command } from "commander";
import { addPlacing } from "./store-reason.ts";

const help = `
Nobody can delete a manifest that is held, and no collection takes it, until every hold is released. A hold of the same
name is replaced. It says who placed it. What a machine runs, it pins (waybill store pin).

Examples:
  waybill store hold acme/app:v1 case-7 --why "evidence in a lawsuit"
  waybill store show acme/app:v1
  waybill store release acme/app:v1 case-7
`;

export function configure(command: Command): void {
  addPlacing(command, "hold").addHelpText("after", help);
}
