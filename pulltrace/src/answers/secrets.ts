const hidden = "(hidden)";

/** What a value is called that gives access; `access_token`, `X-Amz-Security-Token` and their like end so. */
const name =
  "(?:token|passw(?:or)?d|passphrase|secret|credential|signature|(?:api|access|private)[_-]?key|\\bpwd|\\bsig|\\bauth)";
/** `name=value`, also percent-encoded, and `"name":"value"` with whatever quotes; of some also `name: value`, which of a token may be a sentence. */
const assigned = new RegExp(`(${name}["'\\\\]{0,3} {0,2}(?:=|%3d) {0,2}["'\\\\]{0,3})[^\\s"',;&\\\\]+`, "giu");
const quoted = new RegExp(`(${name}["'\\\\]{1,3} {0,2}: {0,2}\\[?["'\\\\]{1,3})[^"'\\\\]+`, "giu");
const told = /((?:passw(?:or)?d|[_-]token|(?:api|access|private)[_-]?key)["']?: {0,2})[^\s"',;&\\]+/giu;
/** The header's name stays, whatever scheme its value has. */
const header =
  /\b((?:authorization|x-registry-auth|cookie)["'\\]{0,3} {0,2}[:=] {0,2}\[?["'\\]{0,3})(?:[a-z]{1,20} +)?[^\s"'\\]+/giu;
const scheme = /\b(bearer|basic)\s+[a-z0-9._~+/=-]{8,}/giu;
const knownTokens = /\b(?:gh[pousr]_|github_pat_|glpat-|dckr_[po]at_)[\w-]{16,}/gu;

/**
 * Masks what gives access: user and password of a URL, its query (signed URLs of object stores), credentials in headers,
 * JSON Web Tokens, tokens of known shapes, and values that are called token, password, secret, key or signature.
 * Takes time in proportion to the text, whatever it is: each expression begins with fixed words or takes all that it
 * looks at.
 */
export function withoutSecrets(text: string): string {
  return text
    .replaceAll(/:(?:\\?\/){2}[^\s/\\?#"']*@/gu, "://")
    .replaceAll(/[^\s"]+/gu, withoutQuery)
    .replaceAll(/[\w.-]+/gu, withoutWebToken)
    .replaceAll(header, `$1${hidden}`)
    .replaceAll(scheme, `$1 ${hidden}`)
    .replaceAll(assigned, `$1${hidden}`)
    .replaceAll(quoted, `$1${hidden}`)
    .replaceAll(told, `$1${hidden}`)
    .replaceAll(knownTokens, hidden);
}

/** @param word without blanks and double quotes */
function withoutQuery(word: string): string {
  const query = word.search(/\?|%3f/iu);
  if (query === -1) return word;
  const isUrl = /:(?:\\?\/){2}/u.test(word.slice(0, query));
  return isUrl || /=|%3d/iu.test(word.slice(query)) ? word.slice(0, query) : word;
}

/** RFC 7519: three parts, of which the first is JSON and so begins with `{"` in base64url. */
function withoutWebToken(word: string): string {
  const token = word.indexOf("eyJ");
  const isOne = token !== -1 && word.length - token > 20 && word.includes(".", token);
  return isOne ? `${word.slice(0, token)}${hidden}` : word;
}
