import { Worker } from "node:worker_threads";
import type { DigestAlgorithm } from "./digest.ts";
import type { HashReply, HashRequest, HashStart } from "./hash-protocol.ts";

interface Waiting {
  resolve(reply: HashReply): void;
  reject(reason: Error): void;
}

/** One worker thread and the streams that it hashes. */
export class HashThread {
  readonly #worker: Worker;
  readonly #streams = new Map<number, Waiting[]>();
  #nextId = 0;
  #due = 0;
  #ended: Error | undefined;

  constructor() {
    // Its heap holds nothing but hash states: a small one keeps the process small.
    this.#worker = new Worker(new URL("./hash.worker.ts", import.meta.url), {
      name: "hash",
      resourceLimits: { maxOldGenerationSizeMb: 32, maxYoungGenerationSizeMb: 2, stackSizeMb: 1 },
    });
    this.#worker.on("message", (reply: HashReply) => {
      const first = this.#streams.get(reply.id)?.shift();
      if (first === undefined) return;
      this.#settled(() => (reply.error === undefined ? first.resolve(reply) : first.reject(new Error(reply.error))));
    });
    this.#worker.on("error", (error) => this.#fail(error instanceof Error ? error : new Error(String(error))));
    this.#worker.on("exit", () => this.#fail(new Error("the hashing thread has ended")));
    this.#worker.unref();
  }

  get streams(): number {
    return this.#streams.size;
  }

  get ended(): boolean {
    return this.#ended !== undefined;
  }

  start(algorithm: DigestAlgorithm, how: HashStart): number {
    const id = this.#nextId++;
    this.#streams.set(id, []);
    this.#tell({ kind: "start", id, algorithm, how });
    return id;
  }

  /** Resolves when the bytes are hashed: those in shared memory where they lie, of others a copy. */
  async update(id: number, bytes: Uint8Array): Promise<void> {
    if (bytes.buffer instanceof SharedArrayBuffer) {
      await this.#ask(id, { kind: "update", id, bytes });
    } else {
      const copy = Uint8Array.from(bytes);
      await this.#ask(id, { kind: "update", id, bytes: copy }, [copy.buffer]);
    }
  }

  async end(id: number): Promise<string> {
    const { hex } = await this.#ask(id, { kind: "end", id });
    this.#streams.delete(id);
    return hex ?? "";
  }

  /** @throws Error when the digest is of the kind that cannot be saved */
  async save(id: number): Promise<Uint8Array> {
    return (await this.#ask(id, { kind: "save", id })).state ?? new Uint8Array();
  }

  drop(id: number): void {
    const waiting = this.#streams.get(id);
    if (waiting === undefined) return;
    this.#streams.delete(id);
    this.#tell({ kind: "drop", id });
    for (const one of waiting) this.#settled(() => one.reject(new Error("this digest was given up")));
  }

  async close(): Promise<void> {
    await this.#worker.terminate();
  }

  #tell(request: HashRequest, transfer: ArrayBuffer[] = []): void {
    this.#worker.postMessage(request, transfer);
  }

  #ask(id: number, request: HashRequest, transfer: ArrayBuffer[] = []): Promise<HashReply> {
    if (this.#ended !== undefined) return Promise.reject(this.#ended);
    return new Promise((resolve, reject) => {
      const waiting = this.#streams.get(id);
      if (waiting === undefined) {
        reject(new Error("this digest was given up"));
        return;
      }
      waiting.push({ resolve, reject });
      // While an answer is due the thread keeps the process alive; an idle one must not.
      if (this.#due++ === 0) this.#worker.ref();
      this.#tell(request, transfer);
    });
  }

  #settled(settle: () => void): void {
    if (--this.#due === 0) this.#worker.unref();
    settle();
  }

  #fail(reason: Error): void {
    this.#ended ??= reason;
    const streams = [...this.#streams.values()];
    this.#streams.clear();
    for (const waiting of streams) for (const one of waiting) this.#settled(() => one.reject(reason));
  }
}
