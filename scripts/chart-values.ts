/**
 * Writes a chart's values.yaml, and the table of values in its README, from values.schema.json: names, defaults and
 * words stand in one place. With `--check` it writes nothing and fails when a file is not what it would write.
 */
import { readFile, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";

interface Schema {
  readonly $ref?: string;
  readonly description?: string;
  readonly default?: unknown;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly definitions?: Readonly<Record<string, Schema>>;
}
interface Value {
  /** From the top: `["server", "logLevel"]`. */
  readonly path: readonly string[];
  readonly description: string;
  readonly default: unknown;
}

const folder = resolve(import.meta.dirname, "../deploy/charts/pulltrace");
const [begin, end] = ["<!-- values: made by `make docs` -->", "<!-- /values -->"];

function* values(schema: Schema, root: Schema, path: readonly string[] = []): Generator<Value> {
  const named = schema.$ref === undefined ? undefined : root.definitions?.[schema.$ref.split("/").at(-1) ?? ""];
  const whole: Schema = { ...named, ...schema };
  if (whole.properties !== undefined) {
    for (const [name, property] of Object.entries(whole.properties)) yield* values(property, root, [...path, name]);
  } else if (whole.default !== undefined) {
    if (whole.description === undefined) throw new Error(`${path.join(".")} has no description in values.schema.json`);
    yield { path, description: whole.description, default: whole.default };
  }
}

function wrapped(text: string, indent: string): string {
  const lines: string[] = [];
  for (const word of text.split(" ")) {
    const last = lines.at(-1);
    if (last !== undefined && `${indent}# ${last} ${word}`.length <= 110) lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(word);
  }
  return lines.map((line) => `${indent}# ${line}\n`).join("");
}

/** JSON is YAML, in one line: a default is short. */
const inline = (value: unknown): string =>
  JSON.stringify(value, undefined, 1).replaceAll(/\n\s*/g, " ").replaceAll("[ ", "[").replaceAll(" ]", "]");

function valuesFile(all: readonly Value[]): string {
  let text = "# Made from values.schema.json by `make docs`: change it there.\n";
  let open: readonly string[] = [];
  for (const value of all) {
    const folders = value.path.slice(0, -1);
    const shared = folders.findIndex((name, level) => open[level] !== name);
    const from = shared === -1 ? folders.length : shared;
    for (let level = from; level < folders.length; level += 1) {
      text += `${level === 0 ? "\n" : ""}${"  ".repeat(level)}${folders[level]}:\n`;
    }
    open = folders;
    const indent = "  ".repeat(folders.length);
    text += `${folders.length === 0 ? "\n" : ""}${wrapped(value.description, indent)}`;
    text += `${indent}${value.path.at(-1)}: ${inline(value.default)}\n`;
  }
  return text;
}

function table(all: readonly Value[]): string {
  const rows = all.map(
    (value) =>
      `| \`${value.path.join(".")}\` | \`${inline(value.default)}\` | ${value.description.replaceAll("|", "\\|")} |`,
  );
  return ["| value | default | meaning |", "|---|---|---|", ...rows].join("\n");
}

const schema = JSON.parse(await readFile(join(folder, "values.schema.json"), "utf8")) as Schema;
const all = [...values(schema, schema)];
const readme = await readFile(join(folder, "README.md"), "utf8");
const [before, rest] = readme.split(begin);
const after = rest?.split(end)[1];
if (before === undefined || after === undefined) throw new Error(`README.md has no ${begin} … ${end}`);
const wanted = {
  "values.yaml": valuesFile(all),
  "README.md": `${before}${begin}\n\n${table(all)}\n\n${end}${after}`,
};
for (const [name, text] of Object.entries(wanted)) {
  const path = join(folder, name);
  const current = await readFile(path, "utf8").catch(() => "");
  if (current === text) continue;
  if (process.argv.includes("--check")) {
    process.stderr.write(`${path} is not what values.schema.json says: run \`make docs\`\n`);
    process.exitCode = 1;
  } else await writeFile(path, text);
}
