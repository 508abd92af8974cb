import { describe, expect, it } from "vitest";
import { adviceFor } from "./advice.ts";

describe("what to do about an error", () => {
  it.each([
    ["write /var/lib: no space left on device", "disk is full"],
    ["x509: certificate signed by unknown authority", "CA"],
    ["http: server gave HTTP response to HTTPS client", "plain HTTP"],
    ["429 Too Many Requests", "limits"],
    ["401 Unauthorized", "imagePullSecrets"],
    ["manifest unknown", "no such image"],
    ["dial tcp: lookup registry: no such host", "DNS"],
    ["connection refused", "curl"],
    ["unexpected digest sha256:…", "changes the bytes"],
    ["The client gave this pull up", "stopped"],
    ["something odd", "journalctl"],
  ])("%s", (error, part) => expect(adviceFor(error)).toContain(part));
});
