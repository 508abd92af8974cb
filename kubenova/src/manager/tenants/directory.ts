/**
 * The names of all tenants, in memory: others ask for each pull and each request whether a name is a tenant's. Kept
 * fresh by the event log, so that what another process writes is known here as well.
 */
export class TenantDirectory {
  /** Id to name. */
  readonly #tenants = new Map<string, string>();
  /** Name to number of tenants: one name may live on several clusters. */
  readonly #names = new Map<string, number>();

  /** Adding what is there already changes nothing. */
  add(id: string, name: string): void {
    if (this.#tenants.has(id)) return;
    this.#tenants.set(id, name);
    this.#names.set(name, (this.#names.get(name) ?? 0) + 1);
  }

  remove(id: string): void {
    const name = this.#tenants.get(id);
    if (name === undefined) return;
    this.#tenants.delete(id);
    const left = (this.#names.get(name) ?? 1) - 1;
    if (left === 0) this.#names.delete(name);
    else this.#names.set(name, left);
  }

  /** Makes the directory hold exactly these tenants. */
  reset(tenants: readonly { readonly id: string; readonly name: string }[]): void {
    this.#tenants.clear();
    this.#names.clear();
    for (const { id, name } of tenants) this.add(id, name);
  }

  /** Whether some cluster has a tenant of this name. */
  known(name: string): boolean {
    return this.#names.has(name);
  }

  has(id: string): boolean {
    return this.#tenants.has(id);
  }
}
