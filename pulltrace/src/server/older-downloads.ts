import { absent, isFields, type Fields } from "./report-fields.ts";

/** By this name the older program's server told what its agents cannot name, and its clients know it. */
export const unnamedImage = "__pulling__";

/** containerd's name of a download: `layer-sha256:…`, and config, manifest and index likewise. */
const downloadForm = /^(?:(?:layer|config|manifest|index)-)?sha256:[0-9a-f]{64}$/;
const layerForm = /^(?:layer-)?(sha256:[0-9a-f]{64})$/;

/**
 * The list of pulls of an agent of the older program, as far as it can be understood: it tells each download of a blob
 * as a pull of its own, with containerd's name of the download for image and digest alike. Whose layers they are it does
 * not know, so all that a node downloads is one pull without a name. Lists of other agents are left as they are.
 */
export function withDownloadsGathered(pulls: readonly unknown[]): readonly unknown[] {
  const downloads = pulls.filter(isDownload);
  if (downloads.length === 0) return pulls;
  // Its order is another one in each report.
  downloads.sort((one, other) => timeOf(one["startedAt"]) - timeOf(other["startedAt"]));
  return [
    ...pulls.filter((one) => !isDownload(one)),
    {
      imageRef: unnamedImage,
      startedAt: downloads[0]?.["startedAt"],
      totalKnown: downloads.every((one) => one["totalKnown"] === true),
      layers: downloads.flatMap(layersOf),
    },
  ];
}

function isDownload(pull: unknown): pull is Fields {
  if (!isFields(pull) || !absent(pull["id"])) return false;
  const name = pull["imageRef"];
  return typeof name === "string" && downloadForm.test(name);
}

/** Manifest and configuration are no layers: while only they come, the image is being resolved. */
function layersOf(download: Fields): unknown[] {
  const layers = download["layers"];
  if (!Array.isArray(layers)) return [];
  return layers.flatMap((layer: unknown) => {
    const digest = isFields(layer) ? layer["digest"] : undefined;
    if (!isFields(layer) || typeof digest !== "string") return [layer];
    if (!downloadForm.test(digest)) return [layer];
    const blob = layerForm.exec(digest)?.[1];
    return blob === undefined ? [] : [{ ...layer, digest: blob }];
  });
}

/** What is no time comes first: the whole report is refused for it. */
function timeOf(text: unknown): number {
  const time = typeof text === "string" ? Date.parse(text) : Number.NaN;
  return Number.isNaN(time) ? 0 : time;
}
