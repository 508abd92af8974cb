import { isIP } from "node:net";

/** Pure parsers of setting values. Each throws an `Error` whose message says what is allowed. */

export interface Address {
  /** Empty means every interface. */
  readonly host: string;
  /** 0 lets the system choose. */
  readonly port: number;
}

const durationUnits: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };
const byteUnits: Readonly<Record<string, number>> = {
  "": 1,
  B: 1,
  kB: 1000,
  MB: 1000 ** 2,
  GB: 1000 ** 3,
  TB: 1000 ** 4,
  KiB: 1024,
  MiB: 1024 ** 2,
  GiB: 1024 ** 3,
  TiB: 1024 ** 4,
};

/** `30m`, `1h30m`, `250ms`, `1.5s` → milliseconds. */
export function parseDuration(text: string): number {
  const allowed = 'a duration such as "500ms", "30s", "30m", "1h30m" or "7d"';
  if (!/^(\d+(\.\d+)?(ms|s|m|h|d))+$/.test(text)) throw new Error(`must be ${allowed}`);
  let milliseconds = 0;
  for (const [, number, , unit] of text.matchAll(/(\d+(\.\d+)?)(ms|s|m|h|d)/g)) {
    milliseconds += Number(number) * (durationUnits[unit ?? ""] ?? Number.NaN);
  }
  if (!Number.isSafeInteger(Math.round(milliseconds))) throw new Error(`must be ${allowed}`);
  return Math.round(milliseconds);
}

/** `256MiB`, `1GB`, `4096` → bytes. */
export function parseBytes(text: string): number {
  const match = /^(\d+(?:\.\d+)?)\s*([A-Za-z]*)$/.exec(text);
  const factor = match === null ? undefined : byteUnits[match[2] ?? ""];
  const bytes = match === null || factor === undefined ? Number.NaN : Math.round(Number(match[1]) * factor);
  if (!Number.isSafeInteger(bytes)) throw new Error('must be a size such as "4096", "256MiB" or "1GB"');
  return bytes;
}

/** `:8080`, `127.0.0.1:8080`, `[::1]:8080`, `localhost:0`. */
export function parseAddress(text: string): Address {
  const allowed = 'an address such as ":8080", "127.0.0.1:8080" or "[::1]:8080"';
  const match = /^(?:\[([0-9A-Fa-f:.]+)\]|([^:[\]\s/]*)):(\d{1,5})$/.exec(text);
  if (match === null) throw new Error(`must be ${allowed}`);
  const port = Number(match[3]);
  if (port > 65_535) throw new Error(`must be ${allowed}; the port is at most 65535`);
  return { host: match[1] ?? match[2] ?? "", port };
}

/** The text that `parseAddress` reads back. */
export function formatAddress(address: Address): string {
  return `${address.host.includes(":") ? `[${address.host}]` : address.host}:${address.port}`;
}

/** Addresses that have their first `prefix` bits in common. */
export interface Network {
  readonly address: string;
  readonly prefix: number;
  readonly family: "ipv4" | "ipv6";
}

/** `10.0.0.7, 192.168.0.0/16, fd00::/8`: an address without a prefix is that one alone. Blanks and empty parts are dropped. */
export function parseNetworks(text: string): readonly Network[] {
  return text
    .split(",")
    .map((part) => part.trim())
    .filter((part) => part !== "")
    .map((part) => {
      const [, address = "", digits] = /^([0-9A-Fa-f:.]+)(?:\/(\d{1,3}))?$/.exec(part) ?? [];
      const bits = { 4: 32, 6: 128 }[isIP(address)];
      const prefix = digits === undefined ? bits : Number(digits);
      if (bits === undefined || prefix === undefined || prefix > bits)
        throw new Error('must be addresses or networks such as "10.0.0.7, 192.168.0.0/16, fd00::/8"');
      return { address, prefix, family: bits === 32 ? "ipv4" : "ipv6" };
    });
}
