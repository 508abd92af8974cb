import { exitCodes } from "../terminal/index.ts";

/** What stands at the end of a program's help. */
export function exitCodeHelp(): string {
  const lines = Object.values(exitCodes).map(({ code, meaning }) => `  ${String(code).padEnd(4)} ${meaning}`);
  return `\nExit codes:\n${lines.join("\n")}\n`;
}
