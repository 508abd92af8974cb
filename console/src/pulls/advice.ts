import type { FailureCode } from "@waybill/pulltrace/contract";

const causeWords: Readonly<Record<FailureCode, string>> = {
  "not-found": "not found",
  unauthorized: "no access",
  certificate: "certificate not trusted",
  "name-resolution": "registry's name not resolved",
  timeout: "registry does not answer in time",
  connection: "registry not reached",
  "rate-limited": "rate limit of the registry",
  "no-space": "disk full",
  "digest-mismatch": "wrong digest",
  "platform-missing": "not built for this platform",
  "invalid-name": "invalid name",
  cancelled: "given up",
  "server-error": "error of the registry",
  unknown: "unknown cause",
};
const wordsByCode: ReadonlyMap<string, string> = new Map(Object.entries(causeWords));

/** A cause in two or three words, for where a sentence has no room. A newer server's code is shown as it is. */
export function shortCause(code: string): string {
  return wordsByCode.get(code) ?? code.replaceAll("-", " ");
}

interface Advice {
  readonly when: RegExp;
  readonly text: string;
}

/** From the most exact sign to the vaguest; the first that fits is shown. */
const known: readonly Advice[] = [
  {
    when: /no space left|disk (is )?full|enospc/i,
    text: "The node's disk is full. Free space there (crictl rmi --prune), or make kubelet's image garbage collection start earlier.",
  },
  {
    when: /http response to https client|first record does not look like a tls/i,
    text: "The registry speaks plain HTTP. Name it with http:// in /etc/containerd/certs.d/<registry>/hosts.toml, or give it TLS.",
  },
  {
    when: /x509|certificate|tls:/i,
    text: "The node does not trust the registry's certificate. Put its CA into /etc/containerd/certs.d/<registry>/hosts.toml on that node.",
  },
  {
    when: /\b429\b|too many requests|rate limit/i,
    text: "The registry limits how often it is asked. Pull with credentials, or through a mirror near the nodes.",
  },
  {
    when: /\b40[13]\b|unauthorized|forbidden|denied|authentication/i,
    text: "The registry refused the credentials. Check the pod's imagePullSecrets, and that they may read this repository.",
  },
  {
    when: /\b404\b|not found|manifest unknown|name unknown/i,
    text: "The registry has no such image. Check the name and the tag for typing errors, and that it was pushed for this platform.",
  },
  {
    when: /no such host|name resolution|dns|lookup /i,
    text: "The node cannot resolve the registry's name. Check the name, and DNS on that node.",
  },
  {
    when: /refused|unreachable|time(d)? ?out|deadline|reset by peer|broken pipe|eof/i,
    text: "The node could not reach the registry, or lost it on the way. Check from that node: curl -v https://<registry>/v2/. kubelet tries again by itself.",
  },
  {
    when: /digest|checksum|unexpected (commit )?(size|digest)/i,
    text: "What came in is not what the manifest promises. Try once more; if it stays so, the registry or a proxy changes the bytes.",
  },
  {
    when: /cancel|gave .*up|given up|abort|vanish/i,
    text: "The client stopped this pull. If a pod wanted it, see its events: kubectl describe pod.",
  },
];

const fallback =
  "See the node's containerd log (journalctl -u containerd) around the time it ended, and the pod's events.";

/** What to do about an error that came without the server's word on it (an agent's own), in one or two sentences. */
export function adviceFor(error: string): string {
  return known.find((advice) => advice.when.test(error))?.text ?? fallback;
}
