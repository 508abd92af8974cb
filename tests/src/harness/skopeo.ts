import { execFile } from "node:child_process";
import { promisify } from "node:util";

const run = promisify(execFile);

export interface SkopeoOptions {
  /** `user:password`; with a token of Waybill any user and the token. */
  readonly credentials?: string;
}

/** `docker://127.0.0.1:1234/team-a/web:1.0`, for a registry without TLS. */
function remote(url: string, name: string): string {
  return `docker://${new URL(url).host}/${name}`;
}

/** Copies `name` (`team-a/web:1.0`) of an OCI layout folder into the registry at `url`; rejects with skopeo's words. */
export async function skopeoPush(
  folder: string,
  name: string,
  url: string,
  options: SkopeoOptions = {},
): Promise<void> {
  const login = options.credentials === undefined ? ["--dest-no-creds"] : ["--dest-creds", options.credentials];
  await run("skopeo", ["copy", "--dest-tls-verify=false", ...login, `oci:${folder}:${name}`, remote(url, name)]);
}

/** The raw manifest that the registry at `url` answers for `name`. */
export async function skopeoManifest(url: string, name: string, options: SkopeoOptions = {}): Promise<string> {
  const login = options.credentials === undefined ? ["--no-creds"] : ["--creds", options.credentials];
  const { stdout } = await run("skopeo", ["inspect", "--raw", "--tls-verify=false", ...login, remote(url, name)]);
  return stdout;
}
