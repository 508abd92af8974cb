import type { FailureCode } from "../contract/index.ts";
import { quotedEnd } from "./failure-text.ts";

interface FailureCause {
  readonly code: FailureCode;
  readonly sentence: string;
  readonly advice: string;
  /** The message may say when the registry takes requests again. */
  readonly retries?: boolean;
}

interface Rule {
  readonly code: FailureCode;
  readonly when: RegExp;
  /** `host` is the registry (or the name that was looked up); absent when the message names none. */
  readonly sentence: (host: string | undefined, found: RegExpExecArray) => string;
  readonly advice: string;
  readonly retries?: boolean;
}

const registry = (host: string | undefined) => (host === undefined ? "The registry" : `The registry ${host}`);
const at = (host: string | undefined) => (host === undefined ? "the registry" : host);

/**
 * The first that fits counts, so the order says which words outweigh which: "no match for platform …: not found" is no
 * missing tag, a failed look-up by a refused name server is no refused registry, a layer that is `context canceled`
 * because another one was refused is not what broke the pull. Only bounded repetitions: the text is hostile.
 */
const rules: readonly Rule[] = [
  {
    code: "platform-missing",
    when: /no match for platform|no matching manifest for|no child with platform|does not match the specified platform|no manifest found for platform/iu,
    sentence: () => "The image is there, but not for this node's processor or operating system.",
    advice:
      "Push a build for this platform (an index with all platforms), or schedule the pod with a nodeSelector on kubernetes.io/arch.",
  },
  {
    code: "no-space",
    when: /no space left on device|disk quota exceeded|\bENOSPC\b|not enough (?:disk )?space/iu,
    sentence: () => "The disk of this node is full: containerd cannot store or unpack the image.",
    advice:
      "Free space where containerd keeps its root (usually /var/lib/containerd): remove unused images with `crictl rmi --prune`, or enlarge the disk.",
  },
  {
    code: "digest-mismatch",
    when: /unexpected commit (?:digest|size)|digest mismatch|mismatched (?:image )?(?:rootfs|digest)|wrong diff id|does not match (?:the )?(?:expected )?digest|failed size validation|invalid checksum|gzip: invalid|zstd: invalid|unexpected magic/iu,
    sentence: () => "What arrived is not what the manifest names: its digest or size is wrong.",
    advice:
      "Bytes were changed on the way or are damaged in the registry: compare a pull past proxies and mirrors, then push the image again.",
  },
  {
    code: "rate-limited",
    when: /pull QPS exceeded/iu,
    sentence: () => "kubelet itself holds the pull back: too many pulls per second were asked for on this node.",
    advice: "It tries again by itself; raise registryPullQPS and registryBurst of kubelet if this stays.",
    retries: true,
  },
  {
    code: "rate-limited",
    when: /\b429\b[ :]{0,2}Too Many|\bstatus(?: code)?:? 429\b|too ?many ?requests|rate ?limit|pull limit|rate exceeded|data limit exceeded/iu,
    sentence: (host) => `${registry(host)} refuses further requests for now: its rate limit is reached (429).`,
    advice:
      "Wait until the limit is reset, pull with an account that has a higher one (imagePullSecrets), or use a mirror near the nodes.",
    retries: true,
  },
  {
    code: "certificate",
    when: /x509: certificate signed by unknown authority|unable to get local issuer|self-signed certificate|self signed certificate/iu,
    sentence: (host) => `The certificate of ${at(host)} is signed by an authority that this node does not trust.`,
    advice: "Give containerd the authority's certificate (`ca` in /etc/containerd/certs.d/<host>/hosts.toml).",
  },
  {
    code: "certificate",
    when: /x509: certificate has expired or is not yet valid|certificate has expired/iu,
    sentence: (host) => `The certificate of ${at(host)} is out of its time.`,
    advice: "Renew the registry's certificate; if it is in its time, set this node's clock.",
  },
  {
    code: "certificate",
    when: /x509: (?:certificate is (?:valid for|not valid for)|cannot validate certificate for|certificate is not valid for any names)/iu,
    sentence: (host) => `The certificate of ${at(host)} is for another name.`,
    advice: "Pull by a name that the certificate has, or issue the certificate for the name that images use.",
  },
  {
    code: "certificate",
    when: /x509:|tls: (?:failed to verify|bad certificate|unknown certificate|certificate required)|remote error: tls|tls: handshake failure|tls: no supported versions|protocol version not supported/iu,
    sentence: (host) => `No trusted connection to ${at(host)} could be made (TLS).`,
    advice: "Check the registry's certificate and, if it asks for one, the client certificate in hosts.toml.",
  },
  {
    code: "connection",
    when: /server gave HTTP response to HTTPS client|first record does not look like a TLS handshake/iu,
    sentence: (host) => `${registry(host)} speaks plain HTTP where HTTPS was expected.`,
    advice: 'Serve it with TLS, or name it with "http://" in /etc/containerd/certs.d/<host>/hosts.toml.',
  },
  {
    code: "name-resolution",
    when: /\blookup [^\s:]{1,253}(?: on [^\s]{1,80})?:|no such host|name resolution|server misbehaving/iu,
    sentence: (host) =>
      host === undefined
        ? "The registry's name cannot be resolved."
        : `The name ${host} cannot be resolved on this node.`,
    advice:
      "Check the spelling of the image's host, then the node's name servers (/etc/resolv.conf): pods' DNS is not used for pulls.",
  },
  {
    code: "invalid-name",
    when: /invalid reference format|InvalidImageName|couldn't parse image|failed to parse (?:image )?reference|repository name [^\n]{0,300}must be lowercase|invalid reference\b|invalid image name|repository name must be canonical|reference name must be|object required/iu,
    sentence: () => "The image's name is not one: no registry can be asked for it.",
    advice: "Write it as host/repository:tag or host/repository@sha256:…, in lower case, without blanks or a scheme.",
  },
  {
    code: "connection",
    when: /dial unix [^\s]{1,300}(?:containerd|crio|cri-dockerd)[^\s]{0,100}:|containerd was restarted|error reading from server: EOF|transport is closing/iu,
    sentence: () => "containerd on this node was restarted or does not answer.",
    advice: "kubelet tries again by itself; if this stays, look at `systemctl status containerd` on the node.",
  },
  {
    code: "server-error",
    when: /\bstatus[^\n]{0,1500}?\b5\d\d (?:[A-Z]|$)|\b50[0-9] (?:Internal|Bad Gateway|Service|Gateway|Not Implemented)|\bstatus(?: code)?:? 5\d\d\b|insufficient storage/iu,
    sentence: (host) => `${registry(host)} answered with an error of its own (5xx).`,
    advice: "Look at the registry's health and log; the pull is tried again by itself.",
    retries: true,
  },
  {
    code: "timeout",
    when: /i\/o timeout|deadline exceeded|handshake timeout|Client\.Timeout|timed out|timeout awaiting|\b408 Request Timeout|no progress/iu,
    sentence: (host) => `${registry(host)} did not answer in time.`,
    advice: "Check that this node reaches it (firewall, proxy, routes) and how loaded registry and link are.",
  },
  {
    code: "connection",
    when: /connection refused/iu,
    sentence: (host) => `Nothing listens at ${at(host)}: the connection was refused.`,
    advice: "Start the registry, or correct host and port in the image's name (or in hosts.toml).",
  },
  {
    code: "connection",
    when: /connection reset|broken pipe|unexpected EOF|no route to host|network is unreachable|connection aborted|use of closed network connection|server closed|http2: [^\n]{0,100}(?:GOAWAY|connection)|stream error|\bEOF$/iu,
    sentence: (host) => `The connection to ${at(host)} broke off.`,
    advice:
      "It is tried again by itself; if this stays, look at the network between node and registry (proxies, idle time-outs).",
  },
  {
    code: "unauthorized",
    when: /pull access denied|authorization failed|no basic auth credentials|unauthorized|insufficient_scope|authentication required|access (?:to the resource is |is )?denied|\b401\b[ :]{0,2}Unauth|\b403\b[ :]{0,2}Forbidden|\bstatus(?: code)?:? 40[13]\b|\bdenied:|access forbidden|failed to authorize|failed to fetch (?:anonymous|oauth) token/iu,
    sentence: (host) => `${registry(host)} does not let this node pull the image (or hides that it does not exist).`,
    advice:
      "Check the image's name, then the credentials: imagePullSecrets of the pod or its service account, or those in containerd's configuration.",
  },
  {
    code: "not-found",
    when: /is not present with pull policy of Never|ErrImageNeverPull/iu,
    sentence: () => "The image is not on the node, and its pull policy is Never.",
    advice: "Bring the image onto the node beforehand, or set imagePullPolicy to IfNotPresent.",
  },
  {
    code: "not-found",
    when: /not found|manifest[ _]unknown|name[ _]unknown|\b404\b/iu,
    sentence: (host) => `${registry(host)} has no such image, tag or digest.`,
    advice: "Check repository and tag for typing errors, and that the build that pushes it has finished.",
  },
  {
    code: "cancelled",
    when: /context cancell?ed|operation was cancell?ed|code = Cancell?ed|signal: (?:killed|interrupt)|client that pulled this image went away|pull was cancell?ed/iu,
    sentence: () => "The client gave the pull up before it was over.",
    advice:
      "Pull again: what has arrived is kept. If kubelet did it, no byte came for its progress time-out (image_pull_progress_timeout): look at the registry's speed.",
  },
];

/** What a message means; `unknown` when none of the known words is in it. */
export function causesOf(text: string): FailureCause {
  for (const rule of rules) {
    const found = rule.when.exec(text);
    if (found === null) continue;
    return {
      code: rule.code,
      sentence: rule.sentence(hostIn(text, rule.code), found),
      advice: rule.advice,
      ...(rule.retries === true ? { retries: true } : {}),
    };
  }
  return {
    code: "unknown",
    sentence: text === "" ? "The pull failed, and nothing says why." : `The pull failed: ${quotedEnd(text)}`,
    advice:
      "Look at the pod's events and at containerd's log on the node (`journalctl -u containerd`) around this time.",
  };
}

/** Host that was asked last, without scheme, user and path. */
function hostIn(text: string, code: FailureCode): string | undefined {
  if (code === "name-resolution") {
    const name = /\blookup ([A-Za-z0-9._-]{1,253})/u.exec(text)?.[1];
    if (name !== undefined) return name;
  }
  const urls = [
    ...text.matchAll(/\bhttps?:\/\/([A-Za-z0-9._-]{1,253}(?::\d{1,5})?|\[[0-9A-Fa-f:.]{2,45}\](?::\d{1,5})?)/gu),
  ];
  const last = urls.findLast((url) => !url[1]?.endsWith("docker.com"))?.[1];
  if (last !== undefined) return last;
  return /failed to (?:resolve|pull)[^"]{0,60}"([A-Za-z0-9._-]{1,253}(?::\d{1,5})?)\/[^"]{1,300}"/u.exec(text)?.[1];
}
