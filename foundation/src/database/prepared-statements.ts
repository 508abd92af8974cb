/** So many different texts are prepared; a program that builds ever new ones does not fill the server's memory. */
const mostPrepared = 400;

/**
 * Names for statements that a server is to keep prepared, which saves it about half of its work for a small one: a text
 * gets one when it comes again. The same name for the same text on every connection.
 */
export class PreparedStatements {
  readonly #names = new Map<string, string>();
  readonly #once = new Set<string>();

  /** Undefined: send it as it is. */
  nameOf(sql: string): string | undefined {
    const known = this.#names.get(sql);
    if (known !== undefined || this.#names.size >= mostPrepared) return known;
    if (!this.#once.delete(sql)) {
      if (this.#once.size >= mostPrepared) this.#once.clear();
      this.#once.add(sql);
      return undefined;
    }
    const name = `waybill_${this.#names.size}`;
    this.#names.set(sql, name);
    return name;
  }
}
