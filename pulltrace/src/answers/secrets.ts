/**
 * Masks what gives access: user and password of a URL, its query (signed URLs of object stores), bearer and basic
 * credentials, JSON Web Tokens, and values that are called token, password, secret, key or signature.
 */
export function withoutSecrets(text: string): string {
  return text
    .replaceAll(/([a-z][a-z0-9+.-]{0,15}:\/\/)[^\s/@"']{1,2000}@/giu, "$1")
    .replaceAll(/([a-z][a-z0-9+.-]{0,15}:\/\/[^\s?"']{1,2000})\?[^\s"']{1,4000}/giu, "$1")
    .replaceAll(/\beyJ[\w-]{8,4000}\.[\w-]{8,8000}(?:\.[\w-]{0,4000})?/gu, "(hidden)")
    .replaceAll(/\b(bearer|basic) [a-z0-9._~+/=-]{8,4000}/giu, "$1 (hidden)")
    .replaceAll(
      /\b(token|password|secret|access_key|api_key|signature)(=["']?|["']: ?["'])[^\s"',;&]{1,4000}/giu,
      "$1$2(hidden)",
    );
}
