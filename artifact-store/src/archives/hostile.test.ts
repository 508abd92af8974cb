import { Readable } from "node:stream";
import { deflateRawSync, gzipSync, zstdCompressSync, crc32 } from "node:zlib";
import { temporaryFolder, type TemporaryFolder } from "@waybill/foundation/testing";
import * as fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { ArchiveFormat } from "../packages/index.ts";
import { readArchive, writeArchive } from "./index.ts";
import { writeHeader, writePax } from "./tar-header.ts";

const limits = { files: 50, bytes: 64 * 1024 * 1024, ratio: 100 };
let folder: TemporaryFolder;
beforeAll(async () => {
  folder = await temporaryFolder("waybill-hostile-");
});
afterAll(() => folder[Symbol.asyncDispose]());

interface Made {
  readonly name: string;
  readonly type?: string;
  readonly bytes?: Buffer;
  readonly size?: number;
}

function tarOf(entries: readonly Made[], end = Buffer.alloc(1024)): Buffer {
  const parts = entries.flatMap(({ name, type = "0", bytes = Buffer.alloc(0), size = bytes.byteLength }) => [
    writeHeader({ name, type, size }),
    bytes,
    Buffer.alloc((512 - (bytes.byteLength % 512)) % 512),
  ]);
  return Buffer.concat([...parts, end]);
}

interface Zipped extends Made {
  readonly mode?: number;
  readonly local?: string;
  readonly crc?: number;
  readonly method?: number;
  readonly flags?: number;
  /** Says that its bytes are those of the first entry. */
  readonly overlaps?: boolean;
}

/** A zip archive as a liar writes it. */
function zipOf(entries: readonly Zipped[], more: { readonly count?: number } = {}): Buffer {
  const locals: Buffer[] = [];
  const central: Buffer[] = [];
  let offset = 0;
  for (const entry of entries) {
    const { name, bytes = Buffer.alloc(0), mode = 0o100644, local = name, method = 8, flags = 0x800 } = entry;
    const packed = method === 8 ? deflateRawSync(bytes) : bytes;
    const size = entry.size ?? bytes.byteLength;
    const sum = entry.crc ?? crc32(bytes);
    const head = Buffer.alloc(30);
    head.writeUInt32LE(0x04034b50, 0);
    head.writeUInt16LE(20, 4);
    head.writeUInt16LE(flags, 6);
    head.writeUInt16LE(method, 8);
    head.writeUInt32LE(sum, 14);
    head.writeUInt32LE(packed.byteLength, 18);
    head.writeUInt32LE(size, 22);
    head.writeUInt16LE(Buffer.byteLength(local), 26);
    const at = entry.overlaps === true ? 0 : offset;
    const record = Buffer.concat([head, Buffer.from(local), packed]);
    if (entry.overlaps !== true) {
      locals.push(record);
      offset += record.byteLength;
    }
    const listed = Buffer.alloc(46);
    listed.writeUInt32LE(0x02014b50, 0);
    listed.writeUInt16LE((3 << 8) | 20, 4);
    listed.writeUInt16LE(20, 6);
    listed.writeUInt16LE(flags, 8);
    listed.writeUInt16LE(method, 10);
    listed.writeUInt32LE(sum, 16);
    listed.writeUInt32LE(packed.byteLength, 20);
    listed.writeUInt32LE(size, 24);
    listed.writeUInt16LE(Buffer.byteLength(name), 28);
    listed.writeUInt32LE((mode << 16) >>> 0, 38);
    listed.writeUInt32LE(at, 42);
    central.push(Buffer.concat([listed, Buffer.from(name)]));
  }
  const directory = Buffer.concat(central);
  const end = Buffer.alloc(22);
  end.writeUInt32LE(0x06054b50, 0);
  end.writeUInt16LE(more.count ?? entries.length, 8);
  end.writeUInt16LE(more.count ?? entries.length, 10);
  end.writeUInt32LE(directory.byteLength, 12);
  end.writeUInt32LE(offset, 16);
  return Buffer.concat([...locals, directory, end]);
}

async function unpack(archive: Buffer, format: ArchiveFormat, with_ = limits): Promise<Map<string, Buffer>> {
  const found = new Map<string, Buffer>();
  // In pieces of odd sizes, as a network brings them.
  const pieces = Array.from({ length: Math.ceil(archive.byteLength / 7919) }, (_, index) =>
    archive.subarray(index * 7919, (index + 1) * 7919),
  );
  for await (const entry of readArchive(Readable.from(pieces), format, { limits: with_, spool: folder.path })) {
    const parts: Uint8Array[] = [];
    for await (const part of entry.bytes) parts.push(Uint8Array.from(part));
    found.set(entry.path, Buffer.concat(parts));
  }
  return found;
}

async function refusal(archive: Buffer, format: ArchiveFormat, with_ = limits): Promise<string> {
  try {
    const found = await unpack(archive, format, with_);
    return `took ${[...found.keys()].join(", ")}`;
  } catch (error) {
    return error instanceof Error && "code" in error ? `${String(error.code)}: ${error.message}` : String(error);
  }
}

const text = Buffer.from("text");
const hostileNames: readonly (readonly [string, string])[] = [
  ["../evil", "element .."],
  ["a/../../evil", "element .."],
  ["/etc/passwd", "absolute"],
  ["C:\\evil", "backslash"],
  ["C:evil", "absolute"],
  ["a\\b", "backslash"],
  ["a/./b", "element ."],
  ["a//b", "empty element"],
  ["con", "device"],
  ["x/AUX.txt", "device"],
  ["a\nb", "control"],
  ["a\u001b[31m", "control"],
  ["dot.", "ends with a dot"],
  ["blank /x", "ends with a dot or a blank"],
  ["a\u202etxt.exe", "invisible"],
  [`${"d/".repeat(40)}x`, "deeper"],
];

describe("a hostile tar", () => {
  it.each(hostileNames)("with the path %j is refused, and the path is named", async (name, why) => {
    const pax = writePax({ path: name });
    const archive = tarOf([
      { name: "ok.txt", bytes: text },
      { name: "h", type: "x", bytes: pax },
      { name: "x", bytes: text },
    ]);
    const said = await refusal(archive, "tar");
    expect(said).toMatch(/^PATH_INVALID/);
    expect(said).toContain(why);
    expect(said).toContain(JSON.stringify(name).slice(1, 20));
  });

  it.each([
    ["1", "hard link"],
    ["2", "symbolic link"],
    ["3", "character device"],
    ["4", "block device"],
    ["6", "FIFO"],
    ["S", "sparse"],
    ["Z", "nobody knows"],
  ])("with an entry of type %s is refused", async (type, why) => {
    expect(await refusal(tarOf([{ name: "bad", type }]), "tar")).toMatch(new RegExp(`ARCHIVE_INVALID: "bad".*${why}`));
  });

  it.each([
    [["a.txt", "a.txt"], "twice"],
    [["a.txt", "A.TXT"], "would meet"],
    [["caf\u00e9", "cafe\u0301"], "would meet"],
    [["stra\u00dfe", "STRASSE"], "would meet"],
    [["\uff41", "a"], "would meet"],
    [["a", "a/b"], "would meet"],
    [["a/b", "A"], "would meet"],
  ])("with the paths %j is refused", async (names, why) => {
    expect(await refusal(tarOf(names.map((name) => ({ name, bytes: text }))), "tar")).toContain(why);
  });

  it.each([
    ["no end", tarOf([{ name: "a", bytes: text }], Buffer.alloc(0)), "its end is missing"],
    ["half an end", tarOf([{ name: "a", bytes: text }], Buffer.alloc(512)), "its end is damaged"],
    [
      "bytes after its end",
      tarOf([{ name: "a" }], Buffer.concat([Buffer.alloc(1024), Buffer.alloc(512, 1)])),
      "after its end",
    ],
    ["a file that breaks off", tarOf([{ name: "a", bytes: text }]).subarray(0, 514), 'it ends in "a"'],
    ["half a header", tarOf([{ name: "a" }]).subarray(0, 300), "it ends in a header"],
    ["a wrong check sum", Buffer.from(tarOf([{ name: "a" }])).fill(0x37, 0, 2), "damaged"],
    ["nothing in it at all", Buffer.from("hello"), "truncated"],
    ["a huge extended header", tarOf([{ name: "h", type: "x", size: 2 ** 30 }]), "65536 are the limit"],
    ["a path for every entry", tarOf([{ name: "g", type: "g", bytes: writePax({ path: "x" }) }]), "every entry"],
    ["ten extended headers", tarOf(Array.from({ length: 10 }, () => ({ name: "h", type: "x" }))), "in a row"],
    ["a damaged extended header", tarOf([{ name: "h", type: "x", bytes: Buffer.from("99 path=a\n") }]), "damaged"],
    ["a folder with bytes", tarOf([{ name: "d/", type: "5", bytes: text }]), "folder that has bytes"],
  ])("with %s is refused", async (_, archive, why) => {
    const said = await refusal(archive, "tar");
    expect(said).toMatch(/^ARCHIVE_INVALID/);
    expect(said).toContain(why);
  });

  it("of too many files, folders or bytes is refused with the limit", async () => {
    const many = Array.from({ length: 51 }, (_, index) => ({ name: `f${index}` }));
    expect(await refusal(tarOf(many), "tar")).toMatch(/^TOO_LARGE: .*50 files.*"f50"/);
    const folders = Array.from({ length: 101 }, (_, index) => ({ name: `d${index}/`, type: "5" }));
    expect(await refusal(tarOf(folders), "tar")).toMatch(/^TOO_LARGE: .*100 entries/);
    expect(await refusal(tarOf([{ name: "big", size: 2 ** 32 }]), "tar")).toMatch(/^TOO_LARGE: "big"/);
  });

  it("that is a bomb is refused before it goes off", async () => {
    const zeros = Buffer.alloc(40 * 1024 * 1024);
    const bomb = tarOf([{ name: "zeros", bytes: zeros }]);
    expect(await refusal(gzipSync(bomb), "tar+gzip")).toMatch(/^TOO_LARGE: .*100 times its own size/);
    expect(await refusal(zstdCompressSync(bomb), "tar+zstd")).toMatch(/^TOO_LARGE: .*100 times its own size/);
    // Not in a file, but after the end.
    expect(await refusal(gzipSync(Buffer.concat([tarOf([{ name: "a" }]), zeros])), "tar+gzip")).toMatch(/^TOO_LARGE/);
  });

  it("packed by somebody who lies about how is refused", async () => {
    const plain = tarOf([{ name: "a", bytes: text }]);
    for (const format of ["tar+gzip", "tar+zstd", "zip"] as const) {
      expect(await refusal(plain, format)).toMatch(/^ARCHIVE_INVALID/);
    }
    expect(await refusal(gzipSync(plain).subarray(0, -9), "tar+gzip")).toMatch(/^ARCHIVE_INVALID/);
  });
});

describe("a hostile zip", () => {
  it.each(hostileNames.filter(([name]) => !name.includes("\\")))("with the path %j is refused", async (name) => {
    expect(
      await refusal(
        zipOf([
          { name: "ok", bytes: text },
          { name, bytes: text },
        ]),
        "zip",
      ),
    ).toMatch(/^(?:PATH_INVALID|ARCHIVE_INVALID)/);
  });

  it.each([
    ["a symbolic link", [{ name: "l", mode: 0o120777, bytes: Buffer.from("/etc/passwd") }], "a link"],
    ["a FIFO", [{ name: "l", mode: 0o010644 }], "a FIFO"],
    ["an encrypted file", [{ name: "e", flags: 0x801, bytes: text }], "encrypted"],
    ["an unknown method", [{ name: "m", method: 99, bytes: text }], "method 99"],
    ["two names of one entry", [{ name: "a", local: "b", bytes: text }], "another name"],
    ["a wrong check sum", [{ name: "a", crc: 1, bytes: text }], "check sum"],
    ["a size that is too small", [{ name: "a", size: 1, bytes: Buffer.alloc(1000) }], '"a"'],
    ["a size that is too large", [{ name: "a", size: 5000, bytes: Buffer.alloc(1000) }], '"a"'],
    [
      "entries that share their bytes",
      [
        { name: "a", bytes: text },
        { name: "a", bytes: text, overlaps: true },
      ],
      "",
    ],
    ["a path twice", [{ name: "a" }, { name: "a" }], "twice"],
    ["paths that differ by case", [{ name: "a" }, { name: "A" }], "would meet"],
  ] as const)("with %s is refused", async (_, entries, why) => {
    const said = await refusal(zipOf(entries), "zip");
    expect(said).toMatch(/^ARCHIVE_INVALID/);
    expect(said).toContain(why);
  });

  it("of many entries that share their bytes is refused", async () => {
    const bytes = Buffer.alloc(1000);
    const shared = [
      { name: "a0", bytes },
      ...Array.from({ length: 9 }, (_, at) => ({ name: `a${at + 1}`, local: "a0", bytes, overlaps: true })),
    ];
    expect(await refusal(zipOf(shared), "zip")).toMatch(/^ARCHIVE_INVALID/);
  });

  it("that is a bomb, has too many entries, or says so, is refused", async () => {
    const zeros = Buffer.alloc(40 * 1024 * 1024);
    expect(await refusal(zipOf([{ name: "zeros", bytes: zeros }]), "zip")).toMatch(/^TOO_LARGE: .*"zeros"/);
    const many = Array.from({ length: 101 }, (_, index) => ({ name: `f${index}` }));
    expect(await refusal(zipOf(many), "zip")).toMatch(/^TOO_LARGE: .*101 entries; 100/);
    expect(await refusal(zipOf([{ name: "a" }], { count: 60_000 }), "zip")).toMatch(/^TOO_LARGE/);
    expect(await refusal(zipOf([{ name: "a", bytes: text }]).subarray(0, -30), "zip")).toMatch(/^ARCHIVE_INVALID/);
  });
});

describe("an honest archive", () => {
  const path = fc
    .array(fc.stringMatching(/^[a-z0-9_ \u00e4\u4e2d-]{0,20}[a-z0-9]$/), { minLength: 1, maxLength: 4 })
    .map((elements) => elements.map((element) => `f${element}`).join("/"));
  const files = fc.dictionary(path, fc.uint8Array({ maxLength: 3000 }), { maxKeys: 12 }).filter((all) => {
    const names = Object.keys(all);
    return names.every((one) => names.every((other) => one === other || !other.startsWith(`${one}/`)));
  });

  it.each(["tar", "tar+gzip", "tar+zstd", "zip"] as const)(
    "of any files is the same files again (%s), and the same bytes each time",
    async (format) => {
      await fc.assert(
        fc.asyncProperty(files, async (all) => {
          const pack = async (): Promise<Buffer> => {
            const entries = Object.entries(all).map(([name, bytes]) => ({
              path: name,
              size: bytes.byteLength,
              open: () => Promise.resolve(Readable.from([Buffer.from(bytes)])),
            }));
            const parts: Uint8Array[] = [];
            for await (const part of writeArchive(entries, format)) parts.push(part as Uint8Array);
            return Buffer.concat(parts);
          };
          const packed = await pack();
          expect((await pack()).equals(packed)).toBe(true);
          const found = await unpack(packed, format);
          expect(new Map([...found].map(([name, bytes]) => [name, [...bytes]]))).toEqual(
            new Map(Object.entries(all).map(([name, bytes]) => [name, [...bytes]])),
          );
        }),
        { numRuns: 60 },
      );
    },
    60_000,
  );

  it("that breaks off or is damaged anywhere never brings wrong bytes", async () => {
    const whole = tarOf([
      { name: "a", bytes: Buffer.alloc(700, 7) },
      { name: "b", bytes: text },
    ]);
    for (const format of ["tar", "zip"] as const) {
      const archive =
        format === "tar"
          ? whole
          : zipOf([
              { name: "a", bytes: Buffer.alloc(700, 7) },
              { name: "b", bytes: text },
            ]);
      await fc.assert(
        fc.asyncProperty(fc.nat(archive.byteLength - 1), async (at) => {
          expect(await refusal(archive.subarray(0, at), format)).toMatch(/^ARCHIVE_INVALID/);
        }),
        { numRuns: 60 },
      );
    }
  });
});
