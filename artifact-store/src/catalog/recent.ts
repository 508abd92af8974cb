import type { Database } from "@waybill/foundation/database";
import type { StoreTables } from "./schema.ts";

/** Of all answers together, as their owners count them, and of one: larger ones are asked for each time. */
const mostBytes = 4 * 1024 * 1024;
const mostBytesOfOne = 64 * 1024;

/**
 * Answers of the catalog that were given since its last commit, for questions that are asked again and again: a pull asks
 * for what the last one asked for. Every commit of this process empties it, whatever it changed, so that there is no
 * change which somebody could forget to tell it.
 *
 * A race: an answer is read, a commit is made, the answer is kept. It is kept as one of before, and given to nobody.
 */
export class RecentAnswers<T> {
  readonly #database: Pick<Database<StoreTables>, "version">;
  readonly #held = new Map<string, { readonly answer: T; readonly bytes: number }>();
  #version: number | undefined;
  #bytes = 0;

  constructor(database: Pick<Database<StoreTables>, "version">) {
    this.#database = database;
  }

  /**
   * @param ask answered by the state of the catalog at the time of this call; undefined is not kept
   * @param bytesOf how much memory an answer takes, about
   */
  async get(key: string, ask: () => Promise<T | undefined>, bytesOf: (answer: T) => number): Promise<T | undefined> {
    const { version } = this.#database;
    if (version === undefined) return await ask();
    if (version !== this.#version) this.#empty(version);
    const held = this.#held.get(key);
    if (held !== undefined) return held.answer;
    const answer = await ask();
    if (answer !== undefined && version === this.#version) this.#keep(key, answer, bytesOf(answer));
    return answer;
  }

  #empty(version: number): void {
    this.#held.clear();
    this.#bytes = 0;
    this.#version = version;
  }

  #keep(key: string, answer: T, bytes: number): void {
    if (bytes > mostBytesOfOne || this.#held.has(key)) return;
    this.#held.set(key, { answer, bytes });
    this.#bytes += bytes;
    for (const [oldest, held] of this.#held) {
      if (this.#bytes <= mostBytes) break;
      this.#held.delete(oldest);
      this.#bytes -= held.bytes;
    }
  }
}
