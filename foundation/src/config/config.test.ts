import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { temporaryFolder } from "../testing/index.ts";
import {
  parseAddress,
  parseBytes,
  parseDuration,
  parseNetworks,
  formatAddress,
  readSettings,
  setting,
  settingsTable,
  SettingsError,
} from "./index.ts";

const definition = {
  httpAddress: setting.address({ env: "DEMO_HTTP_ADDR", default: ":8080", describe: "API and page" }),
  historyTtl: setting.duration({
    env: "DEMO_HISTORY_TTL",
    default: "30m",
    min: "1s",
    max: "24h",
    describe: "how long pulls stay",
  }),
  level: setting.choice({ env: "DEMO_LOG_LEVEL", default: "info", choices: ["debug", "info"], describe: "log level" }),
  token: setting.secret({ env: "DEMO_TOKEN", optional: true, minLength: 8, describe: "shared token" }),
  nodeName: setting.string({ env: "DEMO_NODE_NAME", describe: "name of this node" }),
  namespaces: setting.list({ env: "DEMO_NAMESPACES", default: "", describe: "namespaces" }),
} as const;

describe("settings", () => {
  it("are typed values with defaults; a flag wins over the environment", () => {
    const settings = readSettings(definition, {
      env: { DEMO_NODE_NAME: "n1", DEMO_HTTP_ADDR: ":1", DEMO_NAMESPACES: "a, b,,", DEMO_HISTORY_TTL: "" },
      flags: { httpAddress: "[::1]:9" },
    });
    expect(settings).toEqual({
      httpAddress: { host: "::1", port: 9 },
      historyTtl: 1_800_000,
      level: "info",
      token: undefined,
      nodeName: "n1",
      namespaces: ["a", "b"],
    });
  });

  it("names every bad variable at once and what is allowed, and never quotes a secret", () => {
    const read = (): unknown =>
      readSettings(definition, {
        env: { DEMO_HISTORY_TTL: "2d", DEMO_LOG_LEVEL: "loud", DEMO_TOKEN: "hunter2" },
        flags: { httpAddress: "x" },
      });
    expect(read).toThrow(SettingsError);
    expect(read).toThrow(
      [
        '--http-addr must be an address such as ":8080", "127.0.0.1:8080" or "[::1]:8080", but is "x"',
        'DEMO_HISTORY_TTL must be at most 24h, but is "2d"',
        'DEMO_LOG_LEVEL must be one of debug, info, but is "loud"',
        "DEMO_TOKEN must be at least 8 characters long",
        "DEMO_NODE_NAME is required: name of this node",
      ].join("\n"),
    );
    expect(read).not.toThrow(/hunter2/);
  });

  it("take a secret from a file, without its line end, and name the flag or variable that is wrong with it", async () => {
    await using folder = await temporaryFolder("config-");
    const file = async (name: string, text: string): Promise<string> => {
      await writeFile(join(folder.path, name), text);
      return join(folder.path, name);
    };
    const secret = { token: definition.token } as const;
    const good = await file("good", "hunter2hunter2\n");
    const other = await file("other", "another-secret\r\n");
    expect(readSettings(secret, { env: { DEMO_TOKEN_FILE: good } }).token).toBe("hunter2hunter2");
    const flagWins = { env: { DEMO_TOKEN: "from-the-environment" }, secretFiles: { token: other } };
    expect(readSettings(secret, flagWins).token).toBe("another-secret");
    const told = (path: string) => () => readSettings(secret, { env: {}, secretFiles: { token: path } });
    expect(told(await file("short", "hunter2"))).toThrow("--token-file must be at least 8 characters long");
    expect(told(await file("empty", "\n"))).toThrow("--token-file names a file with nothing in it");
    expect(told(await file("large", "x".repeat(70_000)))).toThrow("--token-file names a file of more than 64 KiB");
    expect(told(join(folder.path, "none"))).toThrow(/^--token-file cannot be read: ENOENT/);
    expect(told(folder.path)).toThrow("--token-file cannot be read: EISDIR");
    const twice = { DEMO_TOKEN: "hunter2hunter2", DEMO_TOKEN_FILE: good };
    expect(() => readSettings(secret, { env: twice })).toThrow("DEMO_TOKEN and DEMO_TOKEN_FILE are two secrets");
  });

  it("leave a file alone that a setting of its own names", () => {
    const own = { token: setting.secret({ env: "DEMO_TOKEN", optional: true, ownFile: true, describe: "token" }) };
    expect(readSettings(own, { env: { DEMO_TOKEN_FILE: "/none" } })).toEqual({ token: undefined });
    expect(settingsTable(own)).not.toContain("DEMO_TOKEN_FILE");
    expect(settingsTable(definition)).toContain(
      "| `DEMO_TOKEN_FILE` | `--token-file` | path | none | file with it, instead of DEMO_TOKEN |",
    );
  });

  it("describe themselves for the documentation", () => {
    expect(settingsTable(definition)).toContain(
      "| `DEMO_HISTORY_TTL` | `--history-ttl` | duration | `30m` | how long pulls stay |",
    );
  });
});

describe("values", () => {
  it.each([
    ["30m", 1_800_000],
    ["1h30m", 5_400_000],
    ["1.5s", 1500],
    ["250ms", 250],
  ])("reads the duration %s", (text, value) => expect(parseDuration(text)).toBe(value));
  it.each(["", "5", "-1s", "1 s", "1y", "9".repeat(30) + "d"])("refuses the duration %j", (text) =>
    expect(() => parseDuration(text)).toThrow("duration"),
  );
  it.each([
    ["4096", 4096],
    ["256MiB", 268_435_456],
    ["1 GB", 1_000_000_000],
  ])("reads the size %s", (text, value) => expect(parseBytes(text)).toBe(value));
  it.each(["", "1XB", "-1", "1e9", "99999999TiB"])("refuses the size %j", (text) =>
    expect(() => parseBytes(text)).toThrow("size"),
  );
  it("reads networks, and an address as a network of its own", () =>
    expect(parseNetworks(" 10.0.0.7 ,192.168.0.0/16,, fd00::/8, ::1")).toEqual([
      { address: "10.0.0.7", prefix: 32, family: "ipv4" },
      { address: "192.168.0.0", prefix: 16, family: "ipv4" },
      { address: "fd00::", prefix: 8, family: "ipv6" },
      { address: "::1", prefix: 128, family: "ipv6" },
    ]));
  it.each(["10.0.0.0/33", "fd00::/129", "10.0.0/8", "proxy.example", "10.0.0.1/", "10.0.0.1/-1", "fe80::1%eth0", "/8"])(
    "refuses the network %j",
    (text) => expect(() => parseNetworks(text)).toThrow("networks"),
  );

  it.each([":8080", "127.0.0.1:0", "[::1]:65535", "localhost:80"])("reads the address %s and writes it back", (text) =>
    expect(formatAddress(parseAddress(text))).toBe(text),
  );
  it.each(["8080", "a:b", "::1:80", ":70000", "a b:1", "http://x:1"])("refuses the address %j", (text) =>
    expect(() => parseAddress(text)).toThrow("address"),
  );
});
