/**
 * Milliseconds to wait before the next try: doubled with each failure, between half and all of it by chance, so that
 * many clients do not come back at once. What the server asks for is the least.
 * @param failures in a row, at least 1
 * @param chance 0..1
 */
export function backOff(
  failures: number,
  limits: { readonly firstMs: number; readonly mostMs: number },
  chance: number,
  askedMs = 0,
): number {
  const full = Math.min(limits.mostMs, limits.firstMs * 2 ** Math.min(30, Math.max(0, failures - 1)));
  return Math.round(Math.max(askedMs, 0) + full * (0.5 + 0.5 * chance));
}
