import { SettingsError } from "@waybill/foundation/config";
import { Problem, UserError } from "@waybill/foundation/errors";
import { CommanderError } from "commander";
import {
  BusyError,
  DeniedError,
  InterruptedError,
  NotFoundError,
  OvertakenError,
  UnsoundError,
  UsageError,
} from "../errors/index.ts";

/** The exit codes of every command. */
export const exitCodes = {
  ok: { code: 0, meaning: "it worked" },
  failed: { code: 1, meaning: "it failed, and the last line says what to do" },
  usage: { code: 2, meaning: "the command line or a setting is wrong" },
  busy: { code: 3, meaning: "a data folder or an address is in use by another program" },
  notFound: { code: 4, meaning: "what was asked for is not there, or not for your eyes" },
  denied: { code: 5, meaning: "the server does not know you, or you may not do this" },
  unsound: { code: 6, meaning: "bytes are missing, or are not what their digest says" },
  overtaken: { code: 7, meaning: "the world has moved on since a plan was made, and nothing was done" },
  interrupted: { code: 130, meaning: "Ctrl-C ended it before it was through" },
} as const;

/** Errors with an exit code of their own; any other that a person can mend is a failure (1). */
const codes = [
  [BusyError, exitCodes.busy],
  [DeniedError, exitCodes.denied],
  [InterruptedError, exitCodes.interrupted],
  [NotFoundError, exitCodes.notFound],
  [OvertakenError, exitCodes.overtaken],
  [UnsoundError, exitCodes.unsound],
  [UsageError, exitCodes.usage],
] as const;

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
    const [, { code }] = codes.find(([kind]) => error instanceof kind) ?? [UserError, exitCodes.failed];
    return { code, text: `waybill: ${indented(error.message)}\n${advice}` };
  }
  if (error instanceof Problem) {
    return { code: exitCodes.failed.code, text: `waybill: ${error.detail} (${error.code})\n` };
  }
  const trace = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return { code: exitCodes.failed.code, text: `waybill: this is a bug in Waybill, please report it:\n${trace}\n` };
}
