import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { failureCodes } from "../contract/index.ts";
import { explainFailure } from "./failure.ts";

const at = new Date("2026-11-20T10:00:00Z");
const image = "registry.example:5000/team/shop:1.4";
const pull = `rpc error: code = Unknown desc = failed to pull and unpack image "${image}": `;
const resolve = `${pull}failed to resolve reference "${image}": `;
const head = `failed to do request: Head "https://registry.example:5000/v2/team/shop/manifests/1.4": `;

interface Recorded {
  readonly containerd: string;
  readonly by: string;
  readonly code: string;
  readonly message: string;
}
/** What containerd 1.6 and 2.2 said when pulls were made to fail (testing/record-failures.ts). */
const recorded = JSON.parse(
  readFileSync(new URL("fixtures/failure-messages.json", import.meta.url), "utf8"),
) as Recorded[];

const troubleshooting = readFileSync(new URL("../../../docs/pulltrace-troubleshooting.md", import.meta.url), "utf8");

/** As containerd's CRI plugin and kubelet 1.34 write them. */
const messages: readonly (readonly [string, string])[] = [
  [
    "not-found",
    `rpc error: code = NotFound desc = failed to pull and unpack image "${image}": failed to resolve reference "${image}": ${image}: not found`,
  ],
  [
    "not-found",
    `${resolve}unexpected status from HEAD request to https://registry.example:5000/v2/team/shop/manifests/1.4: 404 Not Found`,
  ],
  ["not-found", "manifest unknown: manifest unknown"],
  ["not-found", `Container image "${image}" is not present with pull policy of Never`],
  [
    "unauthorized",
    `${resolve}pull access denied, repository does not exist or may require authorization: server message: insufficient_scope: authorization failed`,
  ],
  [
    "unauthorized",
    `${resolve}pull access denied, repository does not exist or may require authorization: authorization failed: no basic auth credentials`,
  ],
  [
    "unauthorized",
    `${resolve}failed to authorize: failed to fetch oauth token: unexpected status from GET request to https://auth.example/token?service=x&scope=repository%3Ateam%2Fshop%3Apull: 401 Unauthorized`,
  ],
  [
    "unauthorized",
    `${resolve}unexpected status from HEAD request to https://registry.example:5000/v2/team/shop/manifests/1.4: 403 Forbidden`,
  ],
  ["certificate", `${resolve}${head}tls: failed to verify certificate: x509: certificate signed by unknown authority`],
  [
    "certificate",
    `${resolve}${head}x509: certificate has expired or is not yet valid: current time 2026-11-20T10:00:00Z is after 2026-01-01T00:00:00Z`,
  ],
  [
    "certificate",
    `${resolve}${head}tls: failed to verify certificate: x509: certificate is valid for other.example, not registry.example`,
  ],
  [
    "certificate",
    `${resolve}${head}x509: cannot validate certificate for 10.0.0.1 because it doesn't contain any IP SANs`,
  ],
  ["certificate", `${resolve}${head}remote error: tls: certificate required`],
  ["connection", `${resolve}${head}http: server gave HTTP response to HTTPS client`],
  ["name-resolution", `${resolve}${head}dial tcp: lookup registry.example on 10.0.0.2:53: no such host`],
  [
    "name-resolution",
    `${resolve}${head}dial tcp: lookup registry.example on 10.0.0.2:53: read udp 10.0.0.9:4711->10.0.0.2:53: i/o timeout`,
  ],
  [
    "name-resolution",
    `${resolve}${head}dial tcp: lookup registry.example on [::1]:53: read udp [::1]:4711->[::1]:53: read: connection refused`,
  ],
  ["name-resolution", `${resolve}${head}dial tcp: lookup registry.example: Temporary failure in name resolution`],
  ["timeout", `${resolve}${head}dial tcp 192.0.2.1:5000: i/o timeout`],
  ["timeout", `${resolve}${head}net/http: TLS handshake timeout`],
  [
    "timeout",
    `rpc error: code = DeadlineExceeded desc = failed to pull and unpack image "${image}": context deadline exceeded`,
  ],
  [
    "timeout",
    `${resolve}failed to authorize: failed to fetch anonymous token: Get "https://auth.docker.io/token?scope=x": net/http: request canceled (Client.Timeout exceeded while awaiting headers)`,
  ],
  ["connection", `${resolve}${head}dial tcp 192.0.2.1:5000: connect: connection refused`],
  ["connection", `${pull}failed to copy: read tcp 10.0.0.9:4711->192.0.2.1:5000: read: connection reset by peer`],
  [
    "connection",
    `${pull}failed to copy: httpReadSeeker: failed open: failed to do request: Get "https://registry.example:5000/v2/team/shop/blobs/sha256:ab": EOF`,
  ],
  ["connection", `${pull}failed to extract layer sha256:ab: unexpected EOF`],
  ["connection", `${resolve}${head}dial tcp 192.0.2.1:5000: connect: no route to host`],
  [
    "connection",
    'rpc error: code = Unavailable desc = connection error: desc = "transport: Error while dialing: dial unix /run/containerd/containerd.sock: connect: connection refused"',
  ],
  ["connection", "rpc error: code = Unavailable desc = error reading from server: EOF"],
  [
    "rate-limited",
    `${resolve}unexpected status from HEAD request to https://registry-1.docker.io/v2/library/nginx/manifests/latest: 429 Too Many Requests`,
  ],
  [
    "rate-limited",
    `${pull}failed to copy: httpReadSeeker: failed open: unexpected status code https://registry-1.docker.io/v2/library/nginx/manifests/sha256:ab: 429 Too Many Requests - Server message: toomanyrequests: You have reached your pull rate limit. You may increase the limit by authenticating and upgrading: https://www.docker.com/increase-rate-limit`,
  ],
  ["rate-limited", "pull QPS exceeded"],
  [
    "no-space",
    `${pull}failed to extract layer sha256:ab: mount callback failed on /var/lib/containerd/tmpmounts/containerd-mount1: write /var/lib/containerd/tmpmounts/containerd-mount1/x: no space left on device: unknown`,
  ],
  [
    "digest-mismatch",
    `${pull}failed to copy: failed commit on ref "layer-sha256:ab": unexpected commit digest sha256:cd, expected sha256:ab: failed precondition`,
  ],
  [
    "digest-mismatch",
    `${pull}failed to copy: failed commit on ref "layer-sha256:ab": "layer-sha256:ab" failed size validation: 5 != 6: failed precondition`,
  ],
  ["platform-missing", `${pull}no match for platform in manifest: not found`],
  ["platform-missing", `${pull}no match for platform in manifest sha256:ab: not found`],
  [
    "invalid-name",
    `Failed to apply default image tag "Team/Shop": couldn't parse image name "Team/Shop": invalid reference format: repository name (Team/Shop) must be lowercase`,
  ],
  ["cancelled", `rpc error: code = Canceled desc = failed to pull and unpack image "${image}": context canceled`],
  [
    "cancelled",
    "The client that pulled this image went away after 4.0 of 17.0 MiB (0 of 3 layers on the node); pull it again.",
  ],
  [
    "server-error",
    `${resolve}unexpected status from HEAD request to https://registry.example:5000/v2/team/shop/manifests/1.4: 503 Service Unavailable`,
  ],
  [
    "server-error",
    `${pull}failed to copy: httpReadSeeker: failed open: unexpected status code https://registry.example:5000/v2/team/shop/blobs/sha256:ab: 500 Internal Server Error`,
  ],
  ["unknown", `Back-off pulling image "${image}"`],
  ["unknown", ""],
];

describe("a message of a failed pull", () => {
  it.each(recorded)("of containerd $containerd, by $by: $code", ({ code, message }) => {
    expect(explainFailure(message, at).code).toBe(code);
  });

  it.each(messages)("%s: %s", (code, message) => {
    const failure = explainFailure(message, at);
    expect(failure.code).toBe(code);
    for (const sentence of [failure.sentence, failure.advice]) {
      expect(sentence).toMatch(/^[A-Zck].{10,400}[.…"]?$/u);
    }
    expect(failure.retryAt).toBeUndefined();
  });

  it("of each code there is at least one", () => {
    expect(new Set(messages.map(([code]) => code))).toEqual(new Set(failureCodes));
  });

  it.each(messages)("stands in docs/pulltrace-troubleshooting.md with its advice: %s", (code, message) => {
    const row = troubleshooting.split("\n").filter((line) => line.startsWith(`| \`${code}\` |`));
    expect(row.some((line) => line.endsWith(`| ${explainFailure(message, at).advice} |`))).toBe(true);
  });

  it("names the host that was asked, and nothing that gives access to it", () => {
    const secret = "hunter2hunter2";
    const failure = explainFailure(
      `${pull}failed to copy: Get "https://bob:${secret}@blobs.example:8443/x?X-Amz-Signature=${secret}": dial tcp 192.0.2.1:8443: connect: connection refused`,
      at,
    );
    expect(failure.sentence).toBe("Nothing listens at blobs.example:8443: the connection was refused.");
    const unknown = explainFailure(
      `it went wrong: https://bob:${secret}@blobs.example/x?sig=${secret} Authorization: Bearer ${secret} token=${secret} {"password":"${secret}"}`,
      at,
    );
    expect(unknown.code).toBe("unknown");
    expect(unknown.sentence).toContain("blobs.example");
    expect(unknown.sentence).not.toContain(secret);
  });
});

describe("the time at which a registry takes requests again", () => {
  const limited = "429 Too Many Requests: ";
  it.each([
    ["Retry-After: 30", "2026-11-20T10:00:30.000Z"],
    ["toomanyrequests: retry-after: 524.117µs, allowed: 44000/minute", "2026-11-20T10:00:00.001Z"],
    ["retry-after: 1.5s", "2026-11-20T10:00:01.500Z"],
    ["Retry-After: Fri, 20 Nov 2026 11:30:00 GMT", "2026-11-20T11:30:00.000Z"],
    ["ratelimit-limit: 100;w=21600 ratelimit-remaining: 0;w=21600", "2026-11-20T16:00:00.000Z"],
    ["ratelimit-reset: 60", "2026-11-20T10:01:00.000Z"],
    [`ratelimit-reset: ${Date.parse("2026-11-20T12:00:00Z") / 1000}`, "2026-11-20T12:00:00.000Z"],
    ["please try again in 5 minutes", "2026-11-20T10:05:00.000Z"],
    ["retry after 2h", "2026-11-20T12:00:00.000Z"],
    ['{"reset":"2026-11-20T10:15:00Z"}', "2026-11-20T10:15:00.000Z"],
  ])("%s", (words, expected) => {
    expect(explainFailure(limited + words, at)).toMatchObject({ code: "rate-limited", retryAt: expected });
  });

  it.each([
    "ratelimit-remaining: 76;w=21600",
    "Retry-After: 99999999999",
    "Retry-After: Fri, 20 Nov 2020 11:30:00 GMT",
    "Retry-After: soon",
    "allowed: 44000/minute",
  ])("%s says none", (words) => {
    expect(explainFailure(limited + words, at).retryAt).toBeUndefined();
  });

  it("is said for no failure that waiting does not mend", () => {
    expect(explainFailure("manifest unknown. Retry-After: 30", at).retryAt).toBeUndefined();
  });
});

describe("a hostile message", () => {
  it("of any length is read in no time and told in a line", () => {
    for (const text of [
      "a".repeat(5_000_000),
      "status ".repeat(300_000),
      "https://".repeat(300_000),
      "lookup ".repeat(300_000),
      "retry-after: ".repeat(200_000),
      "repository name ".repeat(200_000),
    ]) {
      const failure = explainFailure(text, at);
      expect(failure.sentence.length).toBeLessThan(600);
      expect(failure.advice.length).toBeLessThan(400);
    }
  });

  it("brings no control characters, colours, direction marks or lines of its own", () => {
    const failure = explainFailure("\u001b[31mit\u0000 went\r\nwrong\u202e\u2028 \ud800here\u001b]0;x\u0007", at);
    expect(failure.sentence).toMatch(/^The pull failed: it went wrong here/u);
    expect(failure.sentence).not.toMatch(/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u);
  });

  it("a host in it is one: nothing else is taken for its name", () => {
    const failure = explainFailure(
      'Get "https://<img src=x>/v2": dial tcp 192.0.2.1:1: connect: connection refused',
      at,
    );
    expect(failure.sentence).toBe("Nothing listens at the registry: the connection was refused.");
  });
});
