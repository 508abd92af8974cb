/** Whole seconds as at most two units: `0 s`, `42 s`, `3 min 20 s`, `2 h 05 min`, `3 d 4 h`. */
export function formatDuration(seconds: number): string {
  if (!Number.isFinite(seconds) || seconds < 0) return "0 s";
  const whole = Math.floor(seconds);
  if (whole < 60) return `${whole} s`;
  const minutes = Math.floor(whole / 60);
  if (minutes < 60) return `${minutes} min ${pad(whole % 60)} s`;
  const hours = Math.floor(minutes / 60);
  if (hours < 24) return `${hours} h ${pad(minutes % 60)} min`;
  return `${Math.floor(hours / 24)} d ${hours % 24} h`;
}

/**
 * A time left, only as precise as it is known, so that the figure does not flicker: to the second below 20 s, to 5 s
 * below ten minutes, to the minute above. Below 5 s, when it is off by a second or two, it is none.
 * @param about it is said less firmly, and less precisely: to 5 s below a minute, to half a minute below ten
 */
export function formatTimeLeft(seconds: number, about = false): string {
  if (seconds < 5) return "some seconds";
  return about ? `about ${roughly(seconds)}` : rounded(seconds);
}

function roughly(seconds: number): string {
  if (seconds < 57.5) return `${Math.round(seconds / 5) * 5} s`;
  if (seconds >= 600) return rounded(seconds);
  const halves = Math.round(seconds / 30);
  return `${Math.floor(halves / 2)} min${halves % 2 === 0 ? "" : " 30 s"}`;
}

function rounded(seconds: number): string {
  if (seconds < 20) return `${Math.round(seconds)} s`;
  if (seconds < 600) return formatDuration(Math.round(seconds / 5) * 5);
  const minutes = Math.round(seconds / 60);
  if (minutes < 60) return `${minutes} min`;
  return formatDuration(minutes * 60);
}

/** Age in one unit, for a narrow column: `4 s`, `12 min`, `3 h`, `2 d`. */
export function formatAge(seconds: number): string {
  const whole = Math.max(0, Math.floor(Number.isFinite(seconds) ? seconds : 0));
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min`;
  if (whole < 86_400) return `${Math.floor(whole / 3600)} h`;
  return `${Math.floor(whole / 86_400)} d`;
}

/** Local wall-clock time with seconds and offset, for hover texts: `2026-11-04 10:41:07 +01:00`. */
export function formatInstant(time: string | number): string {
  const date = new Date(time);
  if (Number.isNaN(date.getTime())) return "unknown time";
  const offset = -date.getTimezoneOffset();
  const sign = offset < 0 ? "-" : "+";
  const zone = `${sign}${pad(Math.floor(Math.abs(offset) / 60))}:${pad(Math.abs(offset) % 60)}`;
  return `${date.getFullYear()}-${pad(date.getMonth() + 1)}-${pad(date.getDate())} ${formatClock(date)} ${zone}`;
}

/** Local time of day: `10:41:07`. */
function formatClock(date: Date): string {
  return `${pad(date.getHours())}:${pad(date.getMinutes())}:${pad(date.getSeconds())}`;
}

function pad(value: number): string {
  return String(value).padStart(2, "0");
}
