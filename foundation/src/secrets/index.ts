/**
 * Secrets at rest: what has to be read again (a key that signs, a credential of another system) lies sealed in a
 * database, and the keys for it in a file that is not the database. Whoever has one of the two has nothing.
 */
export { createKeyring, isSealed, type Keyring, type SecretKey, type SecretPlace } from "./keyring.ts";
export { makeKeyFile, readKeyFile } from "./key-file.ts";
