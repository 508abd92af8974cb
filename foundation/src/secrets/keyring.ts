import { createCipheriv, createDecipheriv, randomBytes } from "node:crypto";
import { UserError } from "../errors/index.ts";

export interface SecretKey {
  /** 1 to 32 of `a-z0-9-`; written beside what it sealed. */
  readonly id: string;
  /** 32 bytes. */
  readonly key: Uint8Array;
}

/** Where a secret lies. What was sealed for one place opens in no other: a row cannot be given another one's secret. */
export interface SecretPlace {
  readonly table: string;
  readonly row: string;
  readonly column: string;
}

/** Keys that seal secrets (AES-256-GCM). The first seals; all of them open. */
export interface Keyring {
  /** Answers one line of text that says nothing but which key opens it. @throws UserError when there is no key at all */
  seal(secret: string, place: SecretPlace): string;
  /** @throws UserError when its key is not here; Error when it was altered, or sealed for another place */
  open(sealed: string, place: SecretPlace): string;
  /** Whether the first key sealed it: if not, it is to be sealed again. */
  isCurrent(sealed: string): boolean;
}

/** `sealed:v1:<id of the key>:<base64url of nonce, ciphertext and tag>` */
const pattern = /^sealed:v1:([a-z0-9-]{1,32}):([A-Za-z0-9_-]{38,})$/;
const algorithm = "aes-256-gcm";
/** NIST SP 800-38D: 96 bits, drawn anew each time; enough for 2^32 secrets of one key. */
const nonceBytes = 12;
const tagBytes = 16;

/** Whether a text is what a keyring made, rather than a secret from before there was one. */
export function isSealed(text: string): boolean {
  return pattern.test(text);
}

/** @param where the file of the keys, for what people are told */
export function createKeyring(keys: readonly SecretKey[], where: string): Keyring {
  const [current] = keys;
  return {
    seal: (secret, place) => {
      if (current === undefined) throw new UserError(`there is no key in ${where}`);
      const nonce = randomBytes(nonceBytes);
      const cipher = createCipheriv(algorithm, current.key, nonce, { authTagLength: tagBytes });
      cipher.setAAD(associated(place, current.id));
      const sealed = [nonce, cipher.update(secret, "utf8"), cipher.final(), cipher.getAuthTag()];
      return `sealed:v1:${current.id}:${Buffer.concat(sealed).toString("base64url")}`;
    },
    open: (sealed, place) => {
      const [, id = "", text = ""] = pattern.exec(sealed) ?? [];
      const found = keys.find((one) => one.id === id);
      if (found === undefined) {
        throw new UserError(
          `the key ${id === "" ? "" : `${id} `}of this secret is not in ${where}`,
          "Bring back the file that it was sealed with, or add its line; without it, set the secret anew.",
        );
      }
      const bytes = Buffer.from(text, "base64url");
      const end = bytes.byteLength - tagBytes;
      const decipher = createDecipheriv(algorithm, found.key, bytes.subarray(0, nonceBytes), {
        authTagLength: tagBytes,
      });
      decipher.setAAD(associated(place, id));
      decipher.setAuthTag(bytes.subarray(end));
      const head = decipher.update(bytes.subarray(nonceBytes, end));
      return Buffer.concat([head, decipher.final()]).toString("utf8");
    },
    isCurrent: (sealed) => current !== undefined && pattern.exec(sealed)?.[1] === current.id,
  };
}

function associated({ table, row, column }: SecretPlace, id: string): Buffer {
  return Buffer.from(JSON.stringify([table, row, column, id]));
}
