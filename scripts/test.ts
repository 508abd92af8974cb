/**
 * Runs what is asked for, one after the other, and ends with one line that counts it all:
 * `node scripts/test.ts [check] [unit] [real] [cluster] [long]`. A check counts as one; a vitest project counts its tests. Everything
 * runs even when something before it failed: one run tells all that is wrong. JUnit reports and logs are kept in
 * test-results/, and go into a store of our own as the package of this run.
 */
import { spawn } from "node:child_process";
import { createWriteStream } from "node:fs";
import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join, relative, resolve } from "node:path";

interface Count {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
}

const root = resolve(import.meta.dirname, "..");
const results = join(root, "test-results");
/** Each failure of this run, with its reason. */
const failures: string[] = [];
const checks = ["typecheck", "lint", "format:check", "rules", "dead", "same-versions"] as const;

/** Shows what the program prints, and keeps it in `test-results/<log>.log`. */
function run(command: string, parameters: readonly string[], log: string): Promise<number> {
  const kept = createWriteStream(join(results, `${log}.log`));
  const colour = process.stdout.isTTY && process.env["NO_COLOR"] === undefined ? { FORCE_COLOR: "1" } : {};
  return new Promise((done, fail) => {
    const child = spawn(command, parameters, {
      cwd: root,
      stdio: ["inherit", "pipe", "pipe"],
      env: { ...process.env, ...colour },
    });
    for (const [from, to] of [
      [child.stdout, process.stdout],
      [child.stderr, process.stderr],
    ] as const) {
      from.pipe(to, { end: false });
      from.pipe(kept, { end: false });
    }
    child.once("error", fail);
    child.once("close", (code) => kept.end(() => done(code ?? 1)));
  });
}

async function check(script: string): Promise<Count> {
  const log = script.replace(":", "-");
  const code = await run("npm", ["run", "--silent", script], log);
  if (code === 0) return { passed: 1, failed: 0, skipped: 0 };
  const said = await readFile(join(results, `${log}.log`), "utf8");
  failures.push(shortened(`npm run ${script} ended with ${code}\n${said.trim()}`));
  return { passed: 0, failed: 1, skipped: 0 };
}

function numberAt(report: unknown, key: string): number {
  const value = typeof report === "object" && report !== null ? Reflect.get(report, key) : undefined;
  return typeof value === "number" ? value : 0;
}

interface FileResult {
  readonly name: string;
  readonly message?: string;
  readonly assertionResults: readonly {
    readonly status: string;
    readonly fullName: string;
    readonly failureMessages?: readonly string[];
  }[];
}

function filesIn(report: unknown): readonly FileResult[] {
  return ((report ?? {}) as { readonly testResults?: readonly FileResult[] }).testResults ?? [];
}

/** Full names: they carry the reason. */
function skippedIn(report: unknown): string[] {
  return filesIn(report)
    .flatMap(({ assertionResults }) => assertionResults)
    .filter(({ status }) => status !== "passed" && status !== "failed")
    .map(({ fullName }) => fullName);
}

/** What failed and why, to be said once more at the end: a log of which only the tail is kept still tells it. */
function failuresIn(report: unknown): string[] {
  return filesIn(report).flatMap(({ name, message, assertionResults }) => {
    const file = relative(root, name);
    const failed = assertionResults.filter(({ status }) => status === "failed");
    if (failed.length === 0) return message ? [`${file}\n${message}`] : [];
    return failed.map(({ fullName, failureMessages = [] }) => `${file} > ${fullName}\n${failureMessages.join("\n")}`);
  });
}

/** At most so much of one failure: twenty of them still fit a screen or two. */
const longestFailure = 2_000;

function shortened(failure: string): string {
  return failure.length <= longestFailure ? failure : `${failure.slice(0, longestFailure)} …`;
}

/** A file that does not even load holds no failed test, and a crash leaves no report: both count as one failure. */
async function tests(project: string): Promise<Count> {
  const file = join(results, `${project}.json`);
  await rm(file, { force: true });
  const junit = join(results, `${project}.junit.xml`);
  const reporters = [
    "--reporter=default",
    "--reporter=json",
    `--outputFile.json=${file}`,
    "--reporter=junit",
    `--outputFile.junit=${junit}`,
  ];
  const code = await run("vitest", ["run", "--project", project, ...reporters], project);
  const report: unknown = await readFile(file, "utf8").then(JSON.parse, () => undefined);
  for (const name of skippedIn(report)) process.stdout.write(`skipped: ${name}\n`);
  const found = failuresIn(report);
  if (found.length === 0 && code !== 0) found.push(`${project} tests ended with ${code}: see ${project}.log`);
  failures.push(...found.map(shortened));
  const failed = numberAt(report, "numFailedTests");
  return {
    passed: numberAt(report, "numPassedTests"),
    failed: failed === 0 && code !== 0 ? 1 : failed,
    skipped: numberAt(report, "numPendingTests") + numberAt(report, "numTodoTests"),
  };
}

const runners: Readonly<Record<string, readonly (readonly [string, () => Promise<Count>])[]>> = {
  check: checks.map((script) => [script, () => check(script)] as const),
  unit: [["unit tests", () => tests("unit")]],
  real: [["real tests", () => tests("real")]],
  cluster: [["cluster tests", () => tests("cluster")]],
  long: [["long tests", () => tests("long")]],
};

const asked = process.argv.slice(2);
const unknown = asked.filter((name) => runners[name] === undefined);
if (asked.length === 0 || unknown.length > 0) {
  process.stderr.write(
    `usage: node scripts/test.ts ${Object.keys(runners)
      .map((name) => `[${name}]`)
      .join(" ")}\n`,
  );
  process.exit(2);
}

await mkdir(results, { recursive: true });
const lines: string[] = [];
const total = { passed: 0, failed: 0, skipped: 0 };
for (const [title, runner] of asked.flatMap((name) => runners[name] ?? [])) {
  process.stdout.write(`\n── ${title}\n`);
  const started = performance.now();
  const count = await runner();
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  total.passed += count.passed;
  total.failed += count.failed;
  total.skipped += count.skipped;
  const verdict = count.failed === 0 ? "ok    " : "FAILED";
  lines.push(
    `${verdict} ${title.padEnd(14)} ${count.passed} passed, ${count.failed} failed, ${count.skipped} skipped (${seconds} s)`,
  );
}
const closingLine = (): string => `${total.passed} passed, ${total.failed} failed, ${total.skipped} skipped\n`;
await writeFile(join(results, "closing-line"), closingLine());

// What everybody's CI will do: the results are a package, with its outcome as a label.
const ingested = await run(process.execPath, ["scripts/ingest-test-results.ts"], "ingest");
if (ingested === 0) total.passed++;
else total.failed++;
lines.push(`${ingested === 0 ? "ok    " : "FAILED"} results put into a store`);
const closing = closingLine();
await writeFile(join(results, "closing-line"), closing);
const failed = failures.map((failure) => `FAILED ${failure}\n`).join("\n");
await writeFile(join(results, "failures"), failed);
process.stdout.write(`\n${failed}\n${lines.join("\n")}\n\n${closing}`);
process.exitCode = total.failed === 0 ? 0 : 1;
