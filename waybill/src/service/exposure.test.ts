import { describe, expect, it } from "vitest";
import { exposureNote, exposureOf, exposureWarning } from "./exposure.ts";

const hosts = {
  loopback: ["127.0.0.1", "127.8.9.1", "::1", "localhost"],
  network: ["", "0.0.0.0", "::", "10.0.0.7", "example.org"],
};

describe("without authentication", () => {
  it.each(hosts.loopback)("a server on %s is open and has nothing to warn of", (host) => {
    const exposure = exposureOf({ http: { host, port: 8080 }, authenticated: false, allowOpen: false });
    expect(exposure).toBe("open on loopback");
    expect(exposureWarning(exposure)).toBeUndefined();
    expect(exposureNote(exposure)).toContain("no authentication");
  });

  it.each(hosts.network)('a server on "%s" refuses to start', (host) => {
    expect(() => exposureOf({ http: { host, port: 8080 }, authenticated: false, allowOpen: false })).toThrow(
      "no authentication",
    );
  });

  it.each(hosts.network)('a server on "%s" starts when that is allowed explicitly, and keeps warning', (host) => {
    const exposure = exposureOf({ http: { host, port: 8080 }, authenticated: false, allowOpen: true });
    expect(exposure).toBe("open to the network");
    expect(exposureWarning(exposure)).toContain("without authentication");
  });
});

describe("with authentication", () => {
  it.each([...hosts.loopback, ...hosts.network])('a server may listen on "%s"', (host) => {
    const exposure = exposureOf({ http: { host, port: 8080 }, authenticated: true, allowOpen: false });
    expect(exposure).toBe("authenticated");
    expect(exposureWarning(exposure)).toBeUndefined();
  });
});
