/**
 * Packages: files with a description that become one OCI manifest. What a program says of them, how they come in and go
 * out, also as archives, and how they are found again.
 */
export {
  archiveFormats,
  type ArchiveFormat,
  type ArchiveOptions,
  type NewPackage,
  type OpenPackageFile,
  type Package,
  type PackageDescription,
  type PackageFile,
  type PackageFilePage,
  type PackageLink,
  type PackagePage,
  type PackageQuery,
  type Packages,
  type PackageState,
} from "./contract.ts";
export { checkDescription, checkLabels, checkLinks, checkSize, checkTexts } from "./description.ts";
export {
  emptyConfig,
  isPackage,
  manifestBytesOf,
  packageArtifactType,
  packageContent,
  packageManifest,
} from "./manifest.ts";
export { describeRun, describeRunFolder } from "./guide-board.ts";
export { checkPath, foldPath, isPath, PathSet, shownPath } from "./path.ts";
export { mediaTypeOfPath } from "./media-type.ts";
