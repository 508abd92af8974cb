import { generateKeyPairSync } from "node:crypto";
import { command } from "./command.ts";

/** Certificate and key, as PEM. */
export interface Pair {
  readonly certificate: string;
  readonly key: string;
}

export interface Subject {
  readonly commonName: string;
  readonly organizations?: readonly string[];
  /** DNS names and IP addresses that a server answers to. */
  readonly names?: readonly string[];
  readonly addresses?: readonly string[];
  readonly server?: boolean;
  readonly client?: boolean;
}

export interface Authority extends Pair {
  issue(subjects: readonly Subject[]): Promise<Pair[]>;
}

interface Delivery {
  readonly authority: Pair;
  readonly issued: readonly Pair[];
}

/** node:crypto reads certificates and makes none: Go's crypto/x509 does, in the program `certificates`. */
async function order(program: string, authority: Pair | undefined, subjects: readonly Subject[]): Promise<Delivery> {
  const input = JSON.stringify({ ...(authority === undefined ? {} : { authority }), subjects });
  return JSON.parse(await command(program, [], { input })) as Delivery;
}

/** A new authority; what it signs is valid for two days. */
export async function makeAuthority(program: string): Promise<Authority> {
  const { authority } = await order(program, undefined, []);
  return {
    ...authority,
    async issue(subjects) {
      return [...(await order(program, authority, subjects)).issued];
    },
  };
}

/** The key with which tokens of service accounts are signed, and its public half. */
export function serviceAccountKeys(): { readonly publicKey: string; readonly privateKey: string } {
  return generateKeyPairSync("ec", {
    namedCurve: "prime256v1",
    publicKeyEncoding: { type: "spki", format: "pem" },
    privateKeyEncoding: { type: "sec1", format: "pem" },
  });
}
