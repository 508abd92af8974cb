import { createHash } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import { extname, join, relative, sep } from "node:path";
import { promisify } from "node:util";
import { gzip } from "node:zlib";
import { access } from "../auth/index.ts";
import type { HttpContext, RouteGroup } from "./route.ts";

const mediaTypes: Readonly<Record<string, string>> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".json": "application/json",
  ".svg": "image/svg+xml",
  ".png": "image/png",
  ".ico": "image/x-icon",
  ".woff2": "font/woff2",
  ".txt": "text/plain; charset=utf-8",
  ".webmanifest": "application/manifest+json",
};

interface StaticFile {
  readonly type: string;
  readonly etag: string;
  /** Its name holds a hash of its content, so that it never changes. */
  readonly immutable: boolean;
  readonly plain: Uint8Array<ArrayBuffer>;
  readonly gzip: Uint8Array<ArrayBuffer> | undefined;
  readonly brotli: Uint8Array<ArrayBuffer> | undefined;
}

const compress = promisify(gzip);

async function load(directory: string): Promise<Map<string, StaticFile>> {
  const files = new Map<string, StaticFile>();
  const entries = await readdir(directory, { recursive: true, withFileTypes: true });
  for (const entry of entries) {
    if (!entry.isFile() || /\.(br|gz|map)$/.test(entry.name)) continue;
    const path = join(entry.parentPath, entry.name);
    const type = mediaTypes[extname(entry.name)] ?? "application/octet-stream";
    const plain = await readFile(path);
    const textual = /^text|json|svg/.test(type);
    files.set(`/${relative(directory, path).split(sep).join("/")}`, {
      type,
      etag: `"${createHash("sha256").update(plain).digest("base64url").slice(0, 22)}"`,
      immutable: /-[A-Za-z0-9_-]{8,}\.[a-z0-9]+$/.test(entry.name) && entry.parentPath !== directory,
      plain: new Uint8Array(plain),
      gzip: textual ? new Uint8Array(await compress(plain, { level: 9 })) : undefined,
      brotli: textual
        ? await readFile(`${path}.br`).then(
            (bytes) => new Uint8Array(bytes),
            () => undefined,
          )
        : undefined,
    });
  }
  return files;
}

function serve(file: StaticFile, c: HttpContext, contentSecurityPolicy: string): Response {
  const accepted = c.req.header("accept-encoding") ?? "";
  const headers = new Headers({
    "content-type": file.type,
    etag: file.etag,
    vary: "accept-encoding",
    "cache-control": file.immutable ? "public, max-age=31536000, immutable" : "no-cache",
    "content-security-policy": contentSecurityPolicy,
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
  });
  if (c.req.header("if-none-match") === file.etag) return new Response(null, { status: 304, headers });
  const [body, encoding] =
    file.brotli !== undefined && /\bbr\b/.test(accepted)
      ? [file.brotli, "br"]
      : file.gzip !== undefined && /\bgzip\b/.test(accepted)
        ? [file.gzip, "gzip"]
        : [file.plain, undefined];
  if (encoding !== undefined) headers.set("content-encoding", encoding);
  return new Response(body, { headers });
}

/**
 * The files of a built page, kept in memory. Only files that were there at the start are served, so no path can lead
 * out of `directory`. With `spaFallback`, a path that nothing knows and that a browser asks for as a page gets index.html.
 */
export async function staticGroup(options: {
  readonly directory: string;
  readonly spaFallback: boolean;
  readonly contentSecurityPolicy: string;
}): Promise<RouteGroup> {
  const files = await load(options.directory);
  const index = files.get("/index.html");
  const page = (c: HttpContext): Response | undefined =>
    index === undefined ? undefined : serve(index, c, options.contentSecurityPolicy);
  return {
    name: "page",
    routes: [...files].map(([path, file]) => ({
      method: "GET" as const,
      path: path === "/index.html" ? "/" : path,
      access: access.public,
      handler: (c: HttpContext) => serve(file, c, options.contentSecurityPolicy),
    })),
    fallback: (c) =>
      options.spaFallback && (c.req.header("accept") ?? "").includes("text/html") ? page(c) : undefined,
  };
}
