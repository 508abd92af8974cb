import { createProgram, helpWords } from "./commands/index.ts";
import { describeFailure } from "./terminal/index.ts";

// A reader that has seen enough (`waybill … | head`) is no failure.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code === "EPIPE") process.exit(0);
  throw error;
});
// Nor does one who reads no errors change how a command ends.
process.stderr.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code !== "EPIPE") throw error;
});

try {
  const words = helpWords(process.argv.slice(2));
  const program = await createProgram(words.filter((word) => !word.startsWith("-")));
  await program.parseAsync(words, { from: "user" });
} catch (error) {
  const failure = describeFailure(error);
  process.stderr.write(failure.text);
  process.exitCode = failure.code;
}
