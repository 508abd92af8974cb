/** Numbers as the sentences of the answers show them: binary sizes with units, whole seconds and minutes. */

const units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"] as const;

export function sizeText(bytes: number): string {
  let value = Math.max(0, bytes);
  let unit = 0;
  while (value >= 1023.5 && unit < units.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return `${value < 10 && unit > 0 ? value.toFixed(1) : Math.round(value)} ${units[unit] ?? "B"}`;
}

export function speedText(bytesPerSec: number): string {
  return `${sizeText(bytesPerSec)}/s`;
}

export function durationText(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  if (whole < 60) return `${whole} s`;
  if (whole < 3_600) return `${Math.floor(whole / 60)} min${whole % 60 === 0 ? "" : ` ${whole % 60} s`}`;
  const minutes = Math.round((whole % 3_600) / 60);
  return `${Math.floor(whole / 3_600) + (minutes === 60 ? 1 : 0)} h${minutes % 60 === 0 ? "" : ` ${minutes} min`}`;
}

/** 0..1 as whole percent; never 100 % for a part, never 0 % for something. */
export function shareText(share: number): string {
  const percent = Math.round(share * 100);
  return `${share < 1 ? Math.min(99, percent === 0 && share > 0 ? 1 : percent) : 100} %`;
}

export function countText(count: number, one: string, many = `${one}s`): string {
  return `${count} ${count === 1 ? one : many}`;
}

/** Milliseconds since 1970 as a time of day, by UTC: it holds while time goes by. */
export function clockText(milliseconds: number): string {
  return `${new Date(milliseconds).toISOString().slice(11, 19)} UTC`;
}
