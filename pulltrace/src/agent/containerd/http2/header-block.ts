import { errorCode, Http2Error } from "./codes.ts";
import { decodeHuffman } from "./huffman.ts";
import { type HeaderField, staticTable } from "./static-table.ts";

/** What a field counts beyond its own bytes (RFC 7541 section 4.1). */
const fieldOverhead = 32;

const indexOfField = new Map(staticTable.map(([name, value], index) => [`${name} ${value}`, index + 1]));
/** Of names that the table has several times, any will do. */
const indexOfName = new Map(staticTable.map(([name], index) => [name, index + 1]));

/**
 * Header fields as HPACK (RFC 7541) has them, without a dynamic table: we announce a size of 0, so the peer can add nothing
 * to it, and each block is read by itself.
 * @param limitBytes of all fields together, 32 added for each (RFC 9113, SETTINGS_MAX_HEADER_LIST_SIZE).
 * @throws Http2Error COMPRESSION_ERROR for what HPACK does not allow, ENHANCE_YOUR_CALM beyond the limit.
 */
export function decodeHeaderBlock(block: Uint8Array, limitBytes: number): HeaderField[] {
  const reader = new BlockReader(block);
  const fields: HeaderField[] = [];
  let listBytes = 0;
  while (!reader.atEnd) {
    const first = reader.peek();
    if ((first & 0xe0) === 0x20) {
      // A change of the table's size: at the beginning of a block only, and to nothing but our 0.
      if (fields.length > 0 || reader.integer(5) !== 0) {
        throw new Http2Error(errorCode.compressionError, "a dynamic table that we do not offer");
      }
      continue;
    }
    const field = reader.field(first);
    listBytes += field[0].length + field[1].length + fieldOverhead;
    if (listBytes > limitBytes) {
      throw new Http2Error(errorCode.enhanceYourCalm, `headers of more than ${limitBytes} bytes`);
    }
    fields.push(field);
  }
  return fields;
}

/**
 * Fields without Huffman and never indexed, which leaves the peer nothing to remember. Names and values must be visible ASCII,
 * blanks within.
 * @throws TypeError for other characters, which could begin a second field.
 */
export function encodeHeaderBlock(fields: readonly HeaderField[]): Buffer {
  return Buffer.concat(fields.flatMap(([name, value]) => encodeField(name, value)));
}

function encodeField(name: string, value: string): Buffer[] {
  if (!/^:?[!-9;-@[-~]+$/.test(name) || !/^(?:[!-~](?:[ -~]*[!-~])?)?$/.test(value)) {
    throw new TypeError(`a header ${JSON.stringify(name)} cannot have the value ${JSON.stringify(value)}`);
  }
  const whole = indexOfField.get(`${name} ${value}`);
  if (whole !== undefined) return [encodeInteger(0x80, 7, whole)];
  const known = indexOfName.get(name) ?? 0;
  return [encodeInteger(0x10, 4, known), ...(known === 0 ? encodeText(name) : []), ...encodeText(value)];
}

function encodeText(text: string): Buffer[] {
  return [encodeInteger(0, 7, text.length), Buffer.from(text, "latin1")];
}

/** RFC 7541 section 5.1. @param mark the bits of the first byte above the prefix */
function encodeInteger(mark: number, prefixBits: number, value: number): Buffer {
  const most = 2 ** prefixBits - 1;
  if (value < most) return Buffer.of(mark | value);
  const bytes = [mark | most];
  let rest = value - most;
  for (; rest >= 128; rest = Math.floor(rest / 128)) bytes.push((rest % 128) | 128);
  return Buffer.from([...bytes, rest]);
}

class BlockReader {
  private readonly block: Uint8Array;
  private at = 0;

  constructor(block: Uint8Array) {
    this.block = block;
  }

  get atEnd(): boolean {
    return this.at >= this.block.byteLength;
  }

  peek(): number {
    const byte = this.block[this.at];
    if (byte === undefined) throw new Http2Error(errorCode.compressionError, "a header block that breaks off");
    return byte;
  }

  field(first: number): HeaderField {
    if ((first & 0x80) !== 0) return this.indexed(this.integer(7));
    // With indexing (6 bits of index; a table of size 0 forgets it at once), without, and never: read alike.
    const index = this.integer((first & 0x40) === 0 ? 4 : 6);
    const name = index === 0 ? this.text() : this.indexed(index)[0];
    return [name, this.text()];
  }

  integer(prefixBits: number): number {
    const most = 2 ** prefixBits - 1;
    let value = this.peek() & most;
    this.at += 1;
    if (value < most) return value;
    // Four bytes more hold 2^28, far beyond all that we take; a longer one is hostile or padded with zeros.
    for (let factor = 1; factor <= 128 ** 3; factor *= 128) {
      const byte = this.peek();
      this.at += 1;
      value += (byte & 127) * factor;
      if (byte < 128) return value;
    }
    throw new Http2Error(errorCode.compressionError, "an endless integer");
  }

  private indexed(index: number): HeaderField {
    const field = staticTable[index - 1];
    if (field === undefined) throw new Http2Error(errorCode.compressionError, `no header has the index ${index}`);
    return field;
  }

  private text(): string {
    const huffman = (this.peek() & 0x80) !== 0;
    const length = this.integer(7);
    const end = this.at + length;
    if (end > this.block.byteLength) throw new Http2Error(errorCode.compressionError, "a string that breaks off");
    const bytes = this.block.subarray(this.at, end);
    this.at = end;
    return huffman ? decodeHuffman(bytes) : Buffer.from(bytes.buffer, bytes.byteOffset, length).toString("latin1");
  }
}
