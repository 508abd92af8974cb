import { randomBytes } from "node:crypto";
import { connect } from "node:net";
import { createTokenAuthority, type Role } from "@waybill/foundation/auth";
import { createApp, startServer } from "@waybill/foundation/http";
import { silentLogger, temporaryFolder } from "@waybill/foundation/testing";
import { digestOf, type Digest } from "../digest/index.ts";
import { registryGroups, type RegistryOptions } from "../http/index.ts";
import { mediaTypes } from "../manifests/index.ts";
import { openStore, type StoreOptions } from "../store/index.ts";

/** Callers that a door knows. */
export type Who = "admin" | "acme" | "acmeReader" | "globex";

interface Call {
  readonly as?: Who;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Uint8Array<ArrayBuffer> | string | ReadableStream;
}

/** `/v2/` of a new store on real sockets, with authentication and a caller of each kind. */
export async function openDoor(options: Partial<RegistryOptions> = {}, storeOptions: Partial<StoreOptions> = {}) {
  const folder = await temporaryFolder("waybill-door-");
  const store = await openStore({
    root: folder.path,
    ...storeOptions,
    limits: { largestBlobBytes: 100_000_000, ...storeOptions.limits },
  });
  const authority = createTokenAuthority({ key: randomBytes(32) });
  const log = silentLogger();
  const app = createApp({
    groups: registryGroups(store, {
      log,
      tokens: { authority, authenticator: authority.authenticator },
      ...options,
    }),
    authenticator: authority.authenticator,
    log,
  });
  const address = { host: "127.0.0.1", port: 0 };
  const server = await startServer({ app, address, log });
  // Only who breaks off or never ends is let go soon: on a busy machine an honest request may pause for as long.
  const impatient = await startServer({ app, address, log, limits: { stallTimeoutMs: 300, headersTimeoutMs: 1000 } });
  const tokenOf = async (role: Role, tenant?: string): Promise<string> => {
    const claims = { subject: role, roles: [role], ttlSeconds: 600, ...(tenant === undefined ? {} : { tenant }) };
    return (await authority.issue(claims)).token;
  };
  const tokens: Readonly<Record<Who, string>> = {
    admin: await tokenOf("admin"),
    acme: await tokenOf("projectDev", "acme"),
    acmeReader: await tokenOf("readOnly", "acme"),
    globex: await tokenOf("tenantOwner", "globex"),
  };

  function call(method: string, path: string, { as = "admin", headers = {}, body }: Call = {}): Promise<Response> {
    return fetch(new URL(path, server.url), {
      method,
      redirect: "manual",
      headers: { authorization: `Basic ${btoa(`any:${tokens[as]}`)}`, ...headers },
      ...(body === undefined ? {} : { body, duplex: "half" }),
    });
  }

  function answered(response: Response, status: number): Response {
    if (response.status !== status) throw new Error(`${response.url} answered ${response.status}, not ${status}`);
    return response;
  }

  async function push(repository: string, bytes: Uint8Array<ArrayBuffer>, as: Who = "admin"): Promise<Digest> {
    const digest = digestOf(bytes);
    answered(await call("POST", `/v2/${repository}/blobs/uploads/?digest=${digest}`, { as, body: bytes }), 201);
    return digest;
  }

  return {
    folder: folder.path,
    url: server.url,
    store,
    tokens,
    call,
    push,
    /** Starts an upload, and answers its location. */
    begin: async (repository: string): Promise<string> => {
      const response = answered(await call("POST", `/v2/${repository}/blobs/uploads/`), 202);
      return response.headers.get("location") ?? "";
    },
    /** Pushes a config and a layer, and answers the manifest that names them. */
    imageOf: async (repository: string): Promise<{ content: Uint8Array<ArrayBuffer>; digest: Digest }> => {
      const config = await push(repository, Buffer.from("{}"));
      const layer = await push(repository, Buffer.from("layer"));
      const manifest = {
        schemaVersion: 2,
        mediaType: mediaTypes.ociImage,
        config: { mediaType: "application/vnd.oci.image.config.v1+json", digest: config, size: 2 },
        layers: [{ mediaType: "application/vnd.oci.image.layer.v1.tar", digest: layer, size: 5 }],
      };
      const content = Buffer.from(JSON.stringify(manifest));
      return { content, digest: digestOf(content) };
    },
    /** Writes these bytes to a connection of their own with short time-outs, and answers what came until it was closed. */
    raw: (text: string | Uint8Array, then: "wait" | "leave" | "end" = "wait"): Promise<string> =>
      new Promise((resolve) => {
        const socket = connect(impatient.port, "127.0.0.1", () => {
          socket.write(text, () => {
            // No more will come, and who waits for it need not; what is being answered gets its time.
            if (then === "end") setTimeout(() => socket.end(), 200);
            if (then === "leave") setTimeout(() => socket.destroy(), 20);
          });
        });
        let answer = "";
        socket.setEncoding("latin1").on("data", (chunk: string) => {
          answer += chunk;
        });
        socket.on("error", () => undefined);
        socket.on("close", () => resolve(answer));
      }),
    /** The first lines of a request of the admin's, up to where its own headers go. */
    requestLines: (method: string, path: string): string =>
      `${method} ${path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${tokens.admin}\r\nConnection: close\r\n`,
    close: async (): Promise<void> => {
      await server.close();
      await impatient.close();
      await store.close();
      await folder[Symbol.asyncDispose]();
    },
  };
}

/** `404 NAME_UNKNOWN`: status and codes of an error in the registry's shape. */
export async function errorOf(response: Response): Promise<string> {
  const { errors } = (await response.json()) as { errors: { code: string }[] };
  return `${response.status} ${errors.map((error) => error.code).join()}`;
}
