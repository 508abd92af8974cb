import { execFile } from "node:child_process";
import { readFile, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { promisify } from "node:util";
import { temporaryFolder } from "@waybill/foundation/testing";
import type { FailureCode } from "../contract/index.ts";
import { type PullOptions, type RunningContainerd, startContainerd } from "./containerd.ts";
import type { ContainerdProgram } from "./containerd-programs.ts";
import { type Fault, type RegistryProxy, startRegistryProxy } from "./registry-proxy.ts";
import { startMadeRegistry } from "./registry.ts";

const run = promisify(execFile);
const KiB = 1024;
const MiB = 1024 * KiB;

/** What containerd said when a pull failed for a reason that is known, because it was made. */
export interface ProvokedFailure {
  /** What was done to the pull. */
  readonly by: string;
  readonly code: FailureCode;
  readonly message: string;
}

type Provocation = PullOptions & { readonly daemon?: RunningContainerd };

/** Lets pulls of this containerd fail in every way that can be made here; a quarter of a minute. */
export async function provokeFailures(program: ContainerdProgram): Promise<ProvokedFailure[]> {
  await using stack = new AsyncDisposableStack();
  const folder = stack.use(await temporaryFolder("waybill-failures-"));
  const registry = stack.adopt(await startMadeRegistry(), (one) => one.close());
  const target = { host: "127.0.0.1", port: registry.port };
  const proxyWith = async (fault: Fault | undefined, tls?: { key: string; cert: string }): Promise<RegistryProxy> => {
    const proxy = await startRegistryProxy({
      target,
      bytesPerSecond: 500 * MiB,
      ...(tls === undefined ? {} : { tls }),
    });
    stack.adopt(proxy, (one) => one.close());
    proxy.setFault((asked) => (fault?.kind === "answer" || asked.kind === "blobs" ? fault : undefined));
    return proxy;
  };
  registry.add("team/a", "v1", [{ seed: 1, bytes: 2 * MiB }], { index: true });
  // Its layer is nobody else's: pulls at once share what they have of a layer, and the altered bytes with it.
  registry.add("team/altered", "v1", [{ seed: 3, bytes: 2 * MiB }], { index: true });
  registry.add("team/large", "v1", [{ seed: 2, bytes: 24 * MiB }]);
  registry.add("team/foreign", "v1", [{ seed: 1, bytes: KiB }], { foreign: true });

  const containerd = stack.adopt(await startContainerd(program), (one) => one.close());
  const small = stack.adopt(await startContainerd({ ...program, rootLimitBytes: 12 * MiB }), (one) => one.close());
  const found: Promise<ProvokedFailure>[] = [];
  const tried = async (by: string, code: FailureCode, ref: string, how: Provocation = {}): Promise<ProvokedFailure> => {
    const { code: exit, output } = await (how.daemon ?? containerd).pull(ref, how).finished;
    if (exit === 0) throw new Error(`${by}: the pull of ${ref} succeeded`);
    return { by, code, message: output.trim() };
  };
  // All at once, since most of them wait; told in the order in which they were made.
  const provoke = (by: string, code: FailureCode, ref: string, how?: Provocation) => {
    const failure = tried(by, code, ref, how);
    // It is looked at in the end.
    failure.catch(() => undefined);
    found.push(failure);
  };
  const answering = async (status: number, headers: Record<string, string> = {}, body = "") =>
    (await proxyWith({ kind: "answer", status, headers, body })).address;
  const certified = async (name: string, days: number, host: string) => {
    const proxy = await proxyWith(undefined, await certificate(folder.path, name, days));
    await containerd.serveHost(host, `https://${proxy.address}`);
    return `${host}/team/a:v1`;
  };

  const plain = (await proxyWith(undefined)).address;
  const mute = createServer();
  await new Promise<void>((resolve) => mute.listen(0, "127.0.0.1", resolve));
  stack.defer(() => void mute.close());
  const muteAddress = mute.address();
  await containerd.serveHost(
    "mute.example",
    `https://127.0.0.1:${typeof muteAddress === "object" ? muteAddress?.port : 0}`,
  );
  provoke("a registry that does not answer", "timeout", "mute.example/team/a:v1");
  provoke("a tag that is not there", "not-found", `${plain}/team/a:none`);
  // containerd 2.x itself takes an index without any fitting image for pulled; its client does not.
  const strict = program.release.startsWith("1.") ? {} : { clientFetches: true };
  provoke("an image of another platform", "platform-missing", `${plain}/team/foreign:v1`, strict);
  provoke("a name without a repository", "invalid-name", `${plain}/`);
  provoke("401", "unauthorized", `${await answering(401)}/team/a:v1`);
  const basic = { "www-authenticate": 'Basic realm="registry"' };
  provoke("401 with a challenge", "unauthorized", `${await answering(401, basic)}/team/a:v1`);
  provoke("403", "unauthorized", `${await answering(403)}/team/a:v1`);
  const limited = '{"errors":[{"code":"TOOMANYREQUESTS","message":"You have reached your pull rate limit."}]}';
  provoke("429", "rate-limited", `${await answering(429, { "retry-after": "30" }, limited)}/team/a:v1`);
  provoke("500", "server-error", `${await answering(500)}/team/a:v1`);
  provoke("503", "server-error", `${await answering(503, {}, "overloaded")}/team/a:v1`);
  provoke("a port where nobody listens", "connection", "127.0.0.1:9/team/a:v1");
  provoke("a name that nobody has", "name-resolution", "registry.invalid/team/a:v1");
  provoke("an unknown authority", "certificate", await certified("127.0.0.1", 1, "unknown.example"));
  provoke("an expired certificate", "certificate", await certified("127.0.0.1", -1, "expired.example"));
  provoke("a certificate of another name", "certificate", await certified("10.1.1.1", 1, "named.example"));
  const speaksPlain = "plain.example";
  await containerd.serveHost(speaksPlain, `https://127.0.0.1:${registry.port}`);
  provoke("plain HTTP", "connection", `${speaksPlain}/team/a:v1`);
  const cut = (await proxyWith({ kind: "cut", afterBytes: 500 * KiB })).address;
  provoke("connections that break off", "connection", `${cut}/team/a:v1`);
  const altered = (await proxyWith({ kind: "alter" })).address;
  provoke("altered bytes", "digest-mismatch", `${altered}/team/altered:v1`);
  provoke("a full disk", "no-space", `${plain}/team/large:v1`, { daemon: small });
  return await Promise.all(found);
}

/** A key and a certificate that it signed itself, for an address, valid for so many days; expired with a negative number. */
async function certificate(folder: string, address: string, days: number): Promise<{ key: string; cert: string }> {
  const path = (ending: string) => join(folder, `${address}${days}.${ending}`);
  await writeFile(path("ext"), `subjectAltName=IP:${address}\n`);
  await run("openssl", [
    "req",
    "-newkey",
    "ec",
    "-pkeyopt",
    "ec_paramgen_curve:P-256",
    "-nodes",
    "-subj",
    "/CN=registry",
    "-keyout",
    path("key"),
    "-out",
    path("csr"),
  ]);
  await run("openssl", [
    "x509",
    "-req",
    "-in",
    path("csr"),
    "-signkey",
    path("key"),
    "-out",
    path("crt"),
    "-days",
    String(days),
    "-extfile",
    path("ext"),
  ]);
  return { key: await readFile(path("key"), "utf8"), cert: await readFile(path("crt"), "utf8") };
}
