/**
 * A manager as a process of its own, for tests that kill it: `node serve.ts DATABASE_URL` prints its address on one
 * line and serves without authentication until it is killed, or its standard input ends.
 */
import { startTestManager } from "./harness.ts";

const [url] = process.argv.slice(2);
if (url === undefined) throw new Error("usage: node serve.ts DATABASE_URL");
const server = await startTestManager(url, { authentication: false });
process.stdout.write(`${server.url}\n`);
process.stdin.resume().once("close", () => process.exit());
