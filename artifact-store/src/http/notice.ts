/** All `Warning` headers of an answer together may have so many bytes ("Warnings"). */
const mostBytes = 4096;

/**
 * A sentence for whoever uses a client, as the value of a `Warning` header ("Warnings"): code 299, no agent, no date.
 * @throws RangeError for what such a header cannot carry
 */
export function warningOf(notice: string): string {
  // Quoted strings of headers carry printable ASCII without surprises (RFC 9110 section 5.6.4).
  if (!/^[ -~]+$/.test(notice)) throw new RangeError("a notice is one line of printable ASCII");
  const value = `299 - "${notice.replaceAll(/["\\]/g, String.raw`\$&`)}"`;
  if (value.length > mostBytes) throw new RangeError(`a notice may have at most ${mostBytes} bytes, quotes included`);
  return value;
}
