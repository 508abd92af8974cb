import { withoutSecrets } from "./secrets.ts";

/**
 * Messages wrap each other ("failed to pull …: failed to copy: …"), so the cause stands at the end; the beginning names
 * the image. What lies between in a longer message is left out.
 */
const headCharacters = 2_000;
const tailCharacters = 6_000;
const quotedCharacters = 240;

/**
 * One line of a message: no control characters, no terminal colours, no bidirectional overrides, no credentials. URLs
 * keep scheme, host and path: user names, passwords and query strings (signed URLs of object stores) are masked.
 */
export function readableMessage(message: string): string {
  const bounded =
    message.length <= headCharacters + tailCharacters
      ? message
      : `${message.slice(0, headCharacters)} … ${message.slice(-tailCharacters)}`;
  return withoutSecrets(
    bounded
      .replaceAll(/\p{Cc}\[[0-9;?]{0,16}[A-Za-z]/gu, " ")
      .replaceAll(/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu, " ")
      .replaceAll(/ {2,}/gu, " ")
      .trim(),
  );
}

/** The end of a readable message, where its cause stands. */
export function quotedEnd(text: string): string {
  return text.length <= quotedCharacters ? text : `…${text.slice(-quotedCharacters)}`;
}
