import { SettingsError } from "@waybill/foundation/config";
import { Problem, UserError } from "@waybill/foundation/errors";
import { CommanderError } from "commander";
import { BusyError } from "../errors/index.ts";

/** The exit codes of every command. */
export const exitCodes = {
  ok: { code: 0, meaning: "it worked" },
  failed: { code: 1, meaning: "it failed, and the last line says what to do" },
  usage: { code: 2, meaning: "the command line or a setting is wrong" },
  busy: { code: 3, meaning: "a data folder or an address is in use by another program" },
  interrupted: { code: 130, meaning: "a second Ctrl-C ended it before everything was drained" },
} as const;

interface Failure {
  readonly code: number;
  /** Empty when it was said already. */
  readonly text: string;
}

function indented(text: string): string {
  return text.split("\n").join("\n  ");
}

/** What to print for an error that ended a command, and with which code to exit. */
export function describeFailure(error: unknown): Failure {
  if (error instanceof CommanderError) {
    return { code: error.exitCode === 0 ? exitCodes.ok.code : exitCodes.usage.code, text: "" };
  }
  if (error instanceof SettingsError) {
    return { code: exitCodes.usage.code, text: `waybill: ${indented(error.message)}\n` };
  }
  if (error instanceof UserError) {
    const advice = error.advice === undefined ? "" : `  ${indented(error.advice)}\n`;
    const { code } = error instanceof BusyError ? exitCodes.busy : exitCodes.failed;
    return { code, text: `waybill: ${indented(error.message)}\n${advice}` };
  }
  if (error instanceof Problem) {
    return { code: exitCodes.failed.code, text: `waybill: ${error.detail} (${error.code})\n` };
  }
  const trace = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return { code: exitCodes.failed.code, text: `waybill: this is a bug in Waybill, please report it:\n${trace}\n` };
}
