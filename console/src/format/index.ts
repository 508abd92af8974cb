/** How figures, times and image names are written: one place, so that every page writes them alike. */
export { formatBytes, formatSpeed } from "./bytes.ts";
export { formatAge, formatDuration, formatInstant, formatTimeLeft } from "./durations.ts";
export { shortDigest, shortImageName, shortMediaType, splitImageReference } from "./references.ts";
