import { request as plain, type IncomingMessage, type OutgoingHttpHeaders } from "node:http";
import { request as secure } from "node:https";
import { Readable, Transform, type TransformCallback } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { Document } from "./document.ts";
import type { OciImage } from "./image.ts";

export interface PushProgress {
  readonly digest: string;
  /** Bytes of the whole image that the registry has: sent, or there already. */
  readonly doneBytes: number;
  readonly totalBytes: number;
}

export interface PushOptions {
  /** Base address of the registry, e.g. `http://127.0.0.1:8080`. */
  readonly registry: string;
  /** Whole value of the Authorization header. */
  readonly authorization?: string;
  readonly onProgress?: (progress: PushProgress) => void;
  readonly signal?: AbortSignal;
  /** Gives up when no byte moves for so long; 60 s when absent. There is no limit on the whole. */
  readonly stallTimeoutMs?: number;
}

/** The registry answered something else than the distribution specification promises. */
export class PushError extends Error {
  override readonly name = "PushError";
  readonly status: number;

  constructor(method: string, path: string, status: number, answer: string) {
    super(`${method} ${path} was answered with ${status}${answer === "" ? "" : `: ${answer.slice(0, 500)}`}`);
    this.status = status;
  }
}

interface Answer {
  readonly status: number;
  readonly location: string | undefined;
}

interface Call {
  readonly method: string;
  readonly url: URL;
  readonly headers?: OutgoingHttpHeaders;
  readonly body?: Readable;
  readonly expected: readonly number[];
}

async function text(response: IncomingMessage): Promise<string> {
  let read = "";
  for await (const chunk of response) if (read.length < 4096) read += String(chunk);
  return read;
}

/** One exchange. fetch would send a streamed body without a Content-Length; node:http lets us say how long it is. */
async function call(options: PushOptions, { method, url, headers, body, expected }: Call): Promise<Answer> {
  const outgoing = (url.protocol === "https:" ? secure : plain)(url, {
    method,
    agent: false,
    headers: { ...headers, ...(options.authorization === undefined ? {} : { authorization: options.authorization }) },
    ...(options.signal === undefined ? {} : { signal: options.signal }),
  });
  outgoing.setTimeout(options.stallTimeoutMs ?? 60_000, () =>
    outgoing.destroy(new Error(`${method} ${url.pathname}: no byte moved for too long`)),
  );
  const answered = new Promise<IncomingMessage>((done, fail) => {
    outgoing.once("response", done);
    outgoing.once("error", fail);
  });
  // A registry may refuse before the body ends: its answer then says more than the broken pipe.
  const sent = pipeline(body ?? Readable.from([]), outgoing).catch((error: unknown) => error);
  const response = await answered;
  const answer = await text(response);
  const status = response.statusCode ?? 0;
  if (!expected.includes(status)) {
    outgoing.destroy();
    throw new PushError(method, url.pathname, status, answer);
  }
  // A registry that accepts a body has all of it. On a busy machine its answer, and the end of the connection, can be
  // seen before the last write is reported as done: a "premature close" that means nothing.
  await sent;
  return { status, location: response.headers.location };
}

/** Blob: skipped when it is there, else sent in one PUT (distribution specification, "Pushing blobs"). */
async function pushBlob(
  options: PushOptions,
  repository: string,
  blob: { readonly digest: string; readonly sizeBytes: number; open(): Readable },
  onBytes: (count: number) => void,
): Promise<void> {
  const base = new URL(`/v2/${repository}/blobs/`, options.registry);
  const there = await call(options, { method: "HEAD", url: new URL(`./${blob.digest}`, base), expected: [200, 404] });
  if (there.status === 200) return onBytes(blob.sizeBytes);
  const begun = await call(options, {
    method: "POST",
    url: new URL("uploads/", base),
    headers: { "content-length": 0 },
    expected: [202],
  });
  if (begun.location === undefined) throw new PushError("POST", base.pathname, 202, "the answer has no Location");
  const upload = new URL(begun.location, options.registry);
  upload.searchParams.set("digest", blob.digest);
  const counter = new Transform({
    transform(chunk: Buffer, _encoding, done: TransformCallback) {
      onBytes(chunk.length);
      done(null, chunk);
    },
  });
  const source = blob.open();
  source.once("error", (error) => counter.destroy(error));
  counter.once("close", () => source.destroy());
  await call(options, {
    method: "PUT",
    url: upload,
    headers: { "content-type": "application/octet-stream", "content-length": blob.sizeBytes },
    body: source.pipe(counter),
    expected: [201],
  });
}

/**
 * Pushes an image through `/v2/`: layers, config, manifest, then what the tag means (the index, if there is one). Streams; memory does not grow with size.
 * @throws PushError when the registry refuses.
 */
export async function pushImage(image: OciImage, options: PushOptions): Promise<void> {
  const config = {
    digest: image.config.digest,
    sizeBytes: image.config.size,
    open: () => Readable.from([image.config.bytes]),
  };
  const blobs = [...image.layers, config];
  const totalBytes = blobs.reduce((sum, blob) => sum + blob.sizeBytes, 0);
  let doneBytes = 0;
  for (const blob of blobs) {
    await pushBlob(options, image.name, blob, (count) => {
      doneBytes += count;
      options.onProgress?.({ digest: blob.digest, doneBytes, totalBytes });
    });
  }
  const put = (document: Document, reference: string): Promise<Answer> =>
    call(options, {
      method: "PUT",
      url: new URL(`/v2/${image.name}/manifests/${reference}`, options.registry),
      headers: { "content-type": document.mediaType, "content-length": document.size },
      body: Readable.from([document.bytes]),
      expected: [201],
    });
  // An index may name only what is there: the manifest first, by digest.
  if (image.index !== undefined) await put(image.manifest, image.manifest.digest);
  await put(image.index ?? image.manifest, image.tag);
}
