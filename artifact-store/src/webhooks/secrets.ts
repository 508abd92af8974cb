import { createKeyring, isSealed, makeKeyFile, readKeyFile, type Keyring } from "@waybill/foundation/secrets";
import {
  findWebhook,
  listWebhooks,
  updateWebhook,
  type Catalog,
  type Commits,
  type WebhookRow,
} from "../catalog/index.ts";

const placeOf = (id: string) => ({ table: "store_webhooks", row: id, column: "secret" });

/**
 * Secrets of subscriptions: sealed in the catalog, with the keys of a file that is not part of it. The file is made for the
 * first secret, and read once: a key that is put in while the store runs counts from the next start on.
 */
export class WebhookSecrets {
  readonly #file: string;
  #keyring: Keyring | undefined;

  constructor(file: string) {
    this.#file = file;
  }

  /** @throws UserError when there is no key and none can be made */
  async seal(id: string, secret: string): Promise<string> {
    return (await this.#keys(true)).seal(secret, placeOf(id));
  }

  /** @throws UserError when the key that sealed it is not in the file */
  async open({ id, secret }: Pick<WebhookRow, "id" | "secret">): Promise<string> {
    if (!isSealed(secret)) return secret;
    return (await this.#keys(false)).open(secret, placeOf(id));
  }

  /** Seals what lies in plain, from before secrets were sealed, and what another key sealed than the first of the file. */
  async sealAgain(catalog: Catalog, commits: Commits): Promise<void> {
    for (const { id, secret } of await listWebhooks(catalog)) {
      if (isSealed(secret) && (await this.#isSettled(id, secret))) continue;
      const sealed = await this.seal(id, await this.open({ id, secret }));
      await commits.commit(async (tx) => {
        // Another process may have done it meanwhile, or ended the subscription.
        if ((await findWebhook(tx, id))?.secret === secret) await updateWebhook(tx, id, { secret: sealed });
      });
    }
  }

  /** Also when no key opens it: its deliveries say so, and the others are none the worse for it. */
  async #isSettled(id: string, secret: string): Promise<boolean> {
    const keyring = await this.#keys(false);
    if (keyring.isCurrent(secret)) return true;
    try {
      keyring.open(secret, placeOf(id));
      return false;
    } catch {
      return true;
    }
  }

  async #keys(make: boolean): Promise<Keyring> {
    if (this.#keyring !== undefined) return this.#keyring;
    const keys = make ? await makeKeyFile(this.#file) : await readKeyFile(this.#file);
    const keyring = createKeyring(keys, this.#file);
    // None yet: the first secret has them made.
    if (keys.length > 0) this.#keyring = keyring;
    return keyring;
  }
}
