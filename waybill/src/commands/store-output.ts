import type { CollectionReport } from "../store-access/index.ts";
import { plain } from "../terminal/index.ts";

/** One line of JSON: lists are one line for each item, everything else is one line. */
export function printJson(value: object): void {
  process.stdout.write(`${JSON.stringify(value)}\n`);
}

export function print(text: string): void {
  process.stdout.write(text);
}

/** Name and value in two columns; what has no value is left out. */
export function factsOf(facts: readonly (readonly [name: string, value: string | undefined])[]): string {
  const shown = facts.filter((fact): fact is readonly [string, string] => fact[1] !== undefined && fact[1] !== "");
  return shown.map(([name, value]) => `${`${name}:`.padEnd(13)} ${plain(value)}\n`).join("");
}

export function stepLine(step: CollectionReport["steps"][number]): string {
  return `${step.kind} ${targetOf(step)}: ${plain(step.sentence)}\n`;
}

function targetOf(step: CollectionReport["steps"][number]): string {
  if ("key" in step) return step.key;
  if ("package" in step) return `${step.repository} ${step.package}`;
  return "repository" in step ? `${step.repository}@${step.digest}` : step.digest;
}
