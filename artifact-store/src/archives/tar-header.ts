import { archiveFault } from "./archive-fault.ts";

/** A block of a tar archive (POSIX.1-2017, pax, "ustar Interchange Format"; GNU tar's variants of it). */
export interface TarHeader {
  /** As it stands there, without any later override. */
  readonly name: string;
  readonly size: number;
  readonly type: string;
}

export const blockBytes = 512;

/** Text up to the first NUL. */
function textIn(block: Buffer, start: number, length: number): string {
  const field = block.subarray(start, start + length);
  const end = field.indexOf(0);
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(
      end === -1 ? field : field.subarray(0, end),
    );
  } catch {
    throw archiveFault("a name in the archive is not UTF-8");
  }
}

function numberIn(block: Buffer, start: number, length: number): number {
  const field = block.subarray(start, start + length);
  const first = field[0] ?? 0;
  if ((first & 0x80) !== 0) {
    // GNU: base 256, for what octal digits cannot hold.
    const value = field.subarray(1).reduce((sum, byte) => sum * 256 + byte, first & 0x7f);
    if (!Number.isSafeInteger(value)) throw archiveFault("a size in the archive is beyond all reason");
    return value;
  }
  const digits = textIn(block, start, length).trim();
  if (digits === "") return 0;
  if (!/^[0-7]+$/.test(digits)) throw archiveFault("a number in a header of the archive is not octal");
  return Number.parseInt(digits, 8);
}

export function isZero(block: Uint8Array): boolean {
  return block.every((byte) => byte === 0);
}

/** @throws StoreError ARCHIVE_INVALID when it is no header, or damaged */
export function readHeader(block: Buffer): TarHeader {
  let sum = 0;
  for (let at = 0; at < blockBytes; at++) sum += at >= 148 && at < 156 ? 0x20 : (block[at] ?? 0);
  if (numberIn(block, 148, 8) !== sum)
    throw archiveFault("a header of the archive is damaged, or this is no tar archive");
  const isPosix = block.toString("latin1", 257, 263) === "ustar\0";
  const prefix = isPosix ? textIn(block, 345, 155) : "";
  const name = textIn(block, 0, 100);
  return {
    name: prefix === "" ? name : `${prefix}/${name}`,
    size: numberIn(block, 124, 12),
    type: String.fromCharCode(block[156] ?? 0),
  };
}

function put(block: Buffer, text: string, at: number): void {
  block.write(text, at, "latin1");
}

/** A header with nothing in it that depends on who packs when. */
export function writeHeader(header: TarHeader): Buffer {
  const block = Buffer.alloc(blockBytes);
  block.write(header.name, 0, 100, "utf8");
  put(block, "0000644\0", 100);
  put(block, "0000000\0", 108);
  put(block, "0000000\0", 116);
  put(block, `${header.size.toString(8).padStart(11, "0")}\0`, 124);
  put(block, "00000000000\0", 136);
  put(block, " ".repeat(8), 148);
  put(block, header.type, 156);
  put(block, "ustar\x0000", 257);
  const sum = block.reduce((total, byte) => total + byte, 0);
  put(block, `${sum.toString(8).padStart(6, "0")}\0 `, 148);
  return block;
}

/** Records of a pax extended header: `<length> <key>=<value>\n`. */
export function readPax(bytes: Buffer): ReadonlyMap<string, string> {
  const records = new Map<string, string>();
  for (let at = 0; at < bytes.byteLength;) {
    const blank = bytes.indexOf(0x20, at);
    const length = blank === -1 ? Number.NaN : Number(bytes.toString("latin1", at, blank));
    const end = at + length;
    if (!Number.isSafeInteger(length) || end <= blank + 1 || end > bytes.byteLength || bytes[end - 1] !== 0x0a) {
      throw archiveFault("an extended header of the archive is damaged");
    }
    let record: string;
    try {
      record = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes.subarray(blank + 1, end - 1));
    } catch {
      throw archiveFault("an extended header of the archive is not UTF-8");
    }
    const equals = record.indexOf("=");
    if (equals < 1) throw archiveFault("an extended header of the archive is damaged");
    records.set(record.slice(0, equals), record.slice(equals + 1));
    at = end;
  }
  return records;
}

export function writePax(records: Readonly<Record<string, string>>): Buffer {
  const lines = Object.entries(records).map(([key, value]) => {
    const body = Buffer.byteLength(` ${key}=${value}\n`);
    let length = body + String(body).length;
    if (body + String(length).length > length) length = body + String(length).length;
    return `${length} ${key}=${value}\n`;
  });
  return Buffer.from(lines.join(""));
}
