import { dirname, resolve } from "node:path";
import { parseDocument } from "yaml";
import { isLoopback } from "../http/index.ts";
import type { Connection } from "./connection.ts";
import { KubernetesError } from "./kubernetes-error.ts";
import { largestFile, readSmallFile, rotatingFile } from "./rotating-file.ts";

/** Whose kubeconfig it is: ours may name files, one that somebody sent us may not. */
export type KubeconfigTrust = "own" | "uploaded";

/** A kubeconfig's current context, checked and not yet connected. A part is text (`data`) or a file that may rotate. */
export interface KubeconfigContext {
  readonly server: string;
  readonly serverName?: string;
  readonly namespace?: string;
  readonly certificateAuthority?: KubeconfigPart;
  readonly clientCertificate?: KubeconfigPart;
  readonly clientKey?: KubeconfigPart;
  readonly token?: KubeconfigPart;
}

export type KubeconfigPart = { readonly data: string } | { readonly file: string };

type Fields = Readonly<Record<string, unknown>>;

const clusterFields = ["server", "certificate-authority-data", "tls-server-name", "certificate-authority"];
const userFields = [
  "client-certificate-data",
  "client-key-data",
  "token",
  "client-certificate",
  "client-key",
  "tokenFile",
];
const fileFields = new Set(["certificate-authority", "client-certificate", "client-key", "tokenFile"]);

/** What we never do, with the reason: each would run a program, weaken the connection or act as somebody else. */
const refusals: Readonly<Record<string, string>> = {
  exec: "it asks to run a program for its credentials, which is not done here: put a token or a client certificate in",
  "auth-provider": "auth providers are no part of Kubernetes any more: put a token or a client certificate in",
  "insecure-skip-tls-verify": "it switches off the check of the server's certificate: give certificate-authority-data",
  "proxy-url": "proxies are not used: give an address that can be reached directly",
  as: "it acts as somebody else (impersonation), which is not done here",
  "as-groups": "it acts as somebody else (impersonation), which is not done here",
  "as-uid": "it acts as somebody else (impersonation), which is not done here",
  "as-user-extra": "it acts as somebody else (impersonation), which is not done here",
  username: "passwords are no part of Kubernetes any more: put a token or a client certificate in",
  password: "passwords are no part of Kubernetes any more: put a token or a client certificate in",
};

function refuse(reason: string, cause?: unknown): never {
  throw new KubernetesError({
    code: "CONFIGURATION",
    message: `This kubeconfig is not taken: ${reason}`,
    advice: "`kubectl config view --minify --flatten --raw` writes one that holds everything it needs.",
    ...(cause === undefined ? {} : { cause }),
  });
}

/**
 * Reads the current context of a kubeconfig (YAML or JSON). Hostile input: at most 256 KiB, no aliases, nothing that
 * runs a program; files only when it is our own. No message quotes a value that could be secret.
 * @param folder that relative file names are relative to
 * @throws KubernetesError CONFIGURATION
 */
export function readKubeconfig(text: string, trust: KubeconfigTrust, folder = "."): KubeconfigContext {
  if (Buffer.byteLength(text) > largestFile) refuse("it is larger than 256 KiB");
  const config = parseYaml(text);
  const contextName = textIn(config, "current-context") ?? refuse("current-context is missing");
  const context = entryIn(config, "contexts", contextName, "context");
  const cluster = entryIn(config, "clusters", textIn(context, "cluster") ?? "", "cluster");
  const user = entryIn(config, "users", textIn(context, "user") ?? "", "user");
  check(cluster, clusterFields, trust, "the cluster");
  check(user, userFields, trust, "the user");

  const part = (fields: Fields, name: string, dataName: string, encoded: boolean): KubeconfigPart | undefined => {
    const data = textIn(fields, dataName);
    if (data !== undefined) return { data: encoded ? decoded(data, dataName) : data };
    const file = textIn(fields, name);
    return file === undefined ? undefined : { file: resolve(folder, file) };
  };
  const certificateAuthority = part(cluster, "certificate-authority", "certificate-authority-data", true);
  const clientCertificate = part(user, "client-certificate", "client-certificate-data", true);
  const clientKey = part(user, "client-key", "client-key-data", true);
  const token = part(user, "tokenFile", "token", false);
  if ((clientCertificate === undefined) !== (clientKey === undefined))
    refuse("a client certificate and its key belong together, and one is missing");
  if (token !== undefined && "data" in token && !/^[\x21-\x7e]{1,16384}$/.test(token.data))
    refuse("the token has characters that no token has");
  const serverName = textIn(cluster, "tls-server-name");
  const namespace = textIn(context, "namespace");
  return {
    server: serverOf(textIn(cluster, "server") ?? refuse("the cluster has no server"), trust),
    ...(serverName === undefined ? {} : { serverName }),
    ...(namespace === undefined ? {} : { namespace }),
    ...(certificateAuthority === undefined ? {} : { certificateAuthority }),
    ...(clientCertificate === undefined ? {} : { clientCertificate }),
    ...(clientKey === undefined ? {} : { clientKey }),
    ...(token === undefined ? {} : { token }),
  };
}

const deepest = 50;

/** A file of brackets keeps the parser busy for seconds; no kubeconfig is nested like that. */
function isDeep(text: string): boolean {
  let depth = 0;
  for (const character of text) {
    if (character === "[" || character === "{") depth += 1;
    else if (character === "]" || character === "}") depth -= 1;
    if (depth > deepest) return true;
  }
  return /(?:[-?:][ \t]+){50}/.test(text);
}

function parseYaml(text: string): Fields {
  if (isDeep(text)) refuse("it is not valid YAML of a kubeconfig: it is nested too deep");
  try {
    // The simplest schema: no tags, no merges; aliases are how a small file becomes a large one.
    const document = parseDocument(text, { schema: "core", merge: false, strict: true, logLevel: "silent" });
    if (document.errors.length > 0) refuse("it is not valid YAML");
    const value: unknown = document.toJS({ maxAliasCount: 0 });
    if (isFields(value)) return value;
  } catch (error) {
    if (error instanceof KubernetesError) throw error;
    refuse("it cannot be read as YAML (aliases and very deep nesting are not taken)", error);
  }
  return refuse("it is not a mapping");
}

function isFields(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function textIn(fields: Fields, name: string): string | undefined {
  const value = Object.hasOwn(fields, name) ? fields[name] : undefined;
  if (value === undefined || value === null || value === "") return undefined;
  if (typeof value !== "string") refuse(`${name} is not text`);
  return value;
}

function entryIn(config: Fields, list: string, name: string, inside: string): Fields {
  const entries = config[list];
  if (!Array.isArray(entries)) return refuse(`${list} is not a list`);
  for (const entry of entries as readonly unknown[]) {
    if (!isFields(entry) || entry["name"] !== name) continue;
    const value = entry[inside];
    if (isFields(value)) return value;
  }
  return refuse(`the current context needs a ${inside} that is not among its ${list}`);
}

function check(fields: Fields, known: readonly string[], trust: KubeconfigTrust, whose: string): void {
  for (const [name, value] of Object.entries(fields)) {
    if (value === null || value === "" || value === false) continue;
    const reason = Object.hasOwn(refusals, name) ? refusals[name] : undefined;
    if (reason !== undefined) refuse(`${whose} has ${name}: ${reason}`);
    if (trust === "uploaded" && fileFields.has(name))
      refuse(`${whose} has ${name}: a file of another machine cannot be read here; put its content in (${name}-data)`);
    if (trust === "uploaded" && !known.includes(name))
      refuse(`${whose} has a field that is not known here: ${JSON.stringify(name.slice(0, 60))}`);
  }
}

function decoded(data: string, name: string): string {
  const text = /^[\w+/=\s-]*$/.test(data) ? Buffer.from(data, "base64").toString("latin1") : "";
  if (!text.includes("-----BEGIN ")) refuse(`${name} is not the base64 of a PEM`);
  return text;
}

function serverOf(text: string, trust: KubeconfigTrust): string {
  const url = URL.canParse(text) ? new URL(text) : refuse("server is not a URL");
  const plain = url.protocol === "http:" && trust === "own" && isLoopback(url.hostname);
  if (url.protocol !== "https:" && !plain) refuse("server must begin with https://");
  if (url.username !== "" || url.password !== "" || url.search !== "" || url.hash !== "")
    refuse("server may have host, port and path only");
  return `${url.origin}${url.pathname.replace(/\/+$/, "")}`;
}

/** The connection of a context; files are read anew as they rotate. */
export function connectionOf(context: KubeconfigContext): Connection {
  const read = (part: KubeconfigPart | undefined, what: string, maxAgeMs: number) => {
    if (part === undefined) return () => Promise.resolve(undefined);
    if ("data" in part) return () => Promise.resolve(part.data);
    return rotatingFile(part.file, what, maxAgeMs);
  };
  const authority = read(context.certificateAuthority, "the certificate authority", 60_000);
  const certificate = read(context.clientCertificate, "the client certificate", 60_000);
  const key = read(context.clientKey, "the client key", 60_000);
  const token = read(context.token, "the token", 10_000);
  return {
    server: context.server,
    ...(context.serverName === undefined ? {} : { serverName: context.serverName }),
    ...(context.namespace === undefined ? {} : { namespace: context.namespace }),
    async credentials(o) {
      const [certificateAuthority, clientCertificate, clientKey, bearer] = await Promise.all([
        authority(o),
        certificate(o),
        key(o),
        token(o),
      ]);
      return {
        ...(certificateAuthority === undefined ? {} : { certificateAuthority }),
        ...(clientCertificate === undefined ? {} : { clientCertificate }),
        ...(clientKey === undefined ? {} : { clientKey }),
        ...(bearer === undefined ? {} : { token: bearer }),
      };
    },
  };
}

/** @throws KubernetesError CONFIGURATION */
export async function kubeconfigConnection(path: string): Promise<Connection> {
  const text = await readSmallFile(path, "the kubeconfig");
  return connectionOf(readKubeconfig(text, "own", dirname(resolve(path))));
}
