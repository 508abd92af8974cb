import type { Command } from "commander";
import { addPlacing } from "./store-reason.ts";

const help = `
For machines: what a deployment runs is deleted by nobody, and no collection takes it, until every pin of it ends. A pin of
the same name is replaced. It says who placed it. On a server its holder replaces and ends it; the pins of others are for
owners of the tenant, operators and admins. People hold (waybill store hold).

Examples:
  waybill store pin acme/app:v1 web-7 --why "revision 7 of app web runs this"
  waybill store show acme/app:v1
  waybill store unpin acme/app:v1 web-7
`;

export function configure(command: Command): void {
  addPlacing(command, "pin").addHelpText("after", help);
}
