const units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"] as const;

/** Bytes as three significant digits with a binary unit: `0 B`, `4.00 KiB`, `12.4 MiB`, `1.24 GiB`. */
export function formatBytes(bytes: number): string {
  if (!Number.isFinite(bytes) || bytes < 0) return "unknown";
  let value = bytes;
  let unit = 0;
  // 999.5 and not 1000: it would be printed as four digits after rounding.
  while (value >= 999.5 && unit < units.length - 1) {
    value /= 1024;
    unit += 1;
  }
  const decimals = unit === 0 || value >= 99.95 ? 0 : value >= 9.995 ? 1 : 2;
  return `${value.toFixed(decimals)} ${units[unit] ?? "B"}`;
}

/** Bytes per second, as people read a transfer: `12.4 MiB/s`. */
export function formatSpeed(bytesPerSecond: number): string {
  return `${formatBytes(bytesPerSecond)}/s`;
}
