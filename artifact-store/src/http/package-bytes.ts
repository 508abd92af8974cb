import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { Problem } from "@waybill/foundation/errors";
import { ALREADY_SENT, clientIsGone, type HttpContext } from "@waybill/foundation/http";
import type { Logger } from "@waybill/foundation/telemetry";
import type { Digest } from "../digest/index.ts";
import { StoreError } from "../errors/index.ts";
import type { ArchiveFormat, PackageFile } from "../packages/index.ts";
import type { Store } from "../store/index.ts";
import { sendBlob } from "./blob-answer.ts";
import { bodyOf, hasBody } from "./body.ts";
import { incomingChunks } from "../streams/index.ts";
import { archiveTypes } from "./package-operations.ts";

const extensions: Readonly<Record<string, ArchiveFormat>> = {
  ".tar": "tar",
  ".tar.gz": "tar+gzip",
  ".tar.zst": "tar+zstd",
  ".zip": "zip",
};
const extensionOf = (format: ArchiveFormat): string =>
  Object.entries(extensions).find(([, one]) => one === format)?.[0] ?? "";

/** The byte paths of packages: files and archives between Node's own streams and the store. */
export class PackageBytes {
  readonly #store: Store;
  readonly #log: Logger;

  constructor(store: Store, log: Logger) {
    this.#store = store;
    this.#log = log;
  }

  async takeFile(
    c: HttpContext,
    id: string,
    asked: { readonly path: string; readonly digest?: Digest; readonly blob?: Digest },
  ): Promise<PackageFile> {
    const { path, digest, blob } = asked;
    const mediaType = c.req.header("content-type");
    if (blob !== undefined) {
      if (hasBody(c))
        throw new StoreError("PACKAGE_INVALID", "with blob there is no body: the bytes are there already");
      return await this.#store.packages.addFile(id, path, blob, mediaType === undefined ? {} : { mediaType });
    }
    const { source, offset } = bodyOf(c, this.#store.limits);
    if (offset !== undefined) {
      throw new StoreError("PACKAGE_INVALID", "a file comes whole: for one in parts, upload a blob and name it here");
    }
    return await this.#store.packages.addFile(id, path, source, {
      ...(mediaType === undefined ? {} : { mediaType }),
      ...(digest === undefined ? {} : { digest }),
    });
  }

  async takeArchive(c: HttpContext, id: string, under: string | undefined): Promise<readonly PackageFile[]> {
    const type = (c.req.header("content-type") ?? "").split(";")[0]?.trim().toLowerCase() ?? "";
    if (!Object.hasOwn(archiveTypes, type)) {
      throw new Problem({
        code: "UNSUPPORTED_MEDIA_TYPE",
        status: 415,
        title: "Unsupported media type",
        detail: `Content-Type says what the archive is: ${Object.keys(archiveTypes).join(", ")}.`,
      });
    }
    // The request itself stays open when the archive is refused, so that its sender hears why.
    const source = Readable.from(incomingChunks(c.env.incoming), { objectMode: false });
    const format = archiveTypes[type as keyof typeof archiveTypes];
    return await this.#store.packages.addArchive(id, source, format, under === undefined ? {} : { under });
  }

  async sendFile(c: HttpContext, id: string, path: string): Promise<Response> {
    const { reader, mediaType, digest, size } = await this.#store.packages.openFile(id, path);
    return await sendBlob(c, { reader, digest, size }, this.#log, {
      "content-type": mediaType,
      // What others put here is never run in this server's name.
      "content-disposition": `attachment; filename*=UTF-8''${encodeURIComponent(path.split("/").at(-1) ?? "file")}`,
      "content-security-policy": "sandbox; default-src 'none'",
    });
  }

  /** The package and the format that a path like `<id>.tar.gz` asks for. */
  archiveAsked(segment: string): { readonly id: string; readonly format: ArchiveFormat } | undefined {
    const dot = segment.indexOf(".");
    const extension = dot === -1 ? "" : segment.slice(dot);
    const format = Object.hasOwn(extensions, extension) ? extensions[extension] : undefined;
    return format === undefined ? undefined : { id: segment.slice(0, dot), format };
  }

  async sendArchive(c: HttpContext, id: string, format: ArchiveFormat): Promise<Response> {
    const { outgoing } = c.env;
    const archive = await this.#store.packages.writeArchive(id, format);
    const type = Object.entries(archiveTypes).find(([, one]) => one === format)?.[0] ?? "application/octet-stream";
    const headers = {
      "content-type": type,
      "content-disposition": `attachment; filename="${id}${extensionOf(format)}"`,
      "cache-control": "private, no-cache",
    };
    if (c.req.method === "HEAD") {
      archive.destroy();
      return new Response(null, { headers });
    }
    outgoing.writeHead(200, headers);
    try {
      await pipeline(archive, outgoing);
    } catch (error) {
      // The status is out already: a connection that breaks is the only way left to say that it is not whole.
      if (!clientIsGone(error))
        this.#log.error({ err: error, package: id }, "writing an archive failed under its reader");
      outgoing.destroy();
    }
    return ALREADY_SENT;
  }
}
