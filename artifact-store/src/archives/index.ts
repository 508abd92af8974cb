/**
 * Archives of files as streams, in and out: tar (plain, gzip, zstd) and zip. What comes in is taken for hostile: only plain
 * files with paths that are safe on every system come out of a reader, within limits, and every refusal names the entry.
 * What goes out is the same bytes for the same files.
 */
export { readArchive, type ArchiveEntry } from "./read-archive.ts";
export { writeArchive, type FileToPack } from "./write-archive.ts";
