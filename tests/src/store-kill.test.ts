import { execFile } from "node:child_process";
import { open, readdir, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { rateLimitedProxy, type RateLimitedProxy } from "./harness/proxy.ts";
import { endWith, openStorePlace, placeKinds, type StorePlace } from "./harness/store-places.ts";
import { until } from "./harness/until.ts";

const run = promisify(execFile);
const MiB = 1024 * 1024;
/** So long that there is a middle to be killed in; the same bytes all over, so that it costs no time to make. */
const bigBytes = 256 * MiB;

async function makeBig(path: string, bytes = bigBytes): Promise<void> {
  const file = await open(path, "w");
  await file.truncate(bytes);
  // Told apart from what other tests put.
  await file.write(path, 0);
  await file.close();
}

/** Looks often: what is waited for may last a second only. */
async function soon<T>(what: string, ask: () => Promise<T | undefined>): Promise<T> {
  const deadline = performance.now() + 120_000;
  for (;;) {
    const answer = await ask();
    if (answer !== undefined) return answer;
    if (performance.now() > deadline) throw new Error(`gave up waiting for: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

describe.each(placeKinds)("killed while it works on a store in %s", (kind) => {
  let place: StorePlace;
  beforeAll(async () => {
    place = await openStorePlace(kind);
  });
  afterAll(async () => place?.[Symbol.asyncDispose]());

  /** Bytes that lie in the store's stage for uploads. */
  const staged = async (): Promise<number> => {
    const folder = join(place.root, "uploads");
    const names = await readdir(folder).catch(() => []);
    const sizes = await Promise.all(
      names.map((name) =>
        stat(join(folder, name)).then(
          ({ size }) => size,
          () => 0,
        ),
      ),
    );
    return Math.max(0, ...sizes);
  };
  const someStaged = async (): Promise<true | undefined> => ((await staged()) > 48 * MiB ? true : undefined);

  it.each(["SIGKILL", "SIGINT"] as const)(
    "put goes on after %s within the file, and makes one package",
    async (signal) => {
      const name = `put-${signal.toLowerCase()}`;
      await run("mkdir", ["-p", join(place.work, name, "sub")]);
      await makeBig(join(place.work, name, "sub/big.bin"));
      await writeFile(join(place.work, name, "small.txt"), name);
      const words = ["put", name, `acme/${name}:v1`, "--quiet"];
      const child = place.begin(words);
      await soon("bytes in the store", someStaged);
      const code = await endWith(child, signal);
      expect(code).toBe(signal === "SIGINT" ? 130 : null);
      // A server takes in what is on its way still.
      const kept = await until("the upload stands still", async () => {
        const before = await staged();
        await new Promise((resolve) => setTimeout(resolve, 300));
        return (await staged()) === before ? before : undefined;
      });
      expect(kept).toBeGreaterThan(0);
      expect(kept).toBeLessThan(bigBytes);
      const second = JSON.parse(await place.good([...words, "--json"])) as { sent: number; fileCount: number };
      expect(second.fileCount).toBe(2);
      // What is in the store is not sent again. It may be more than it was: a disk that stood still goes on.
      expect(second.sent).toBeLessThanOrEqual(bigBytes - kept + name.length);
      expect(second.sent).toBeGreaterThan(0);
      await place.good(["verify", `acme/${name}:v1`, "--quiet"]);
      const packages = await place.good(["ls", `acme/${name}`, "--packages", "--json"]);
      expect(packages.trim().split("\n")).toHaveLength(1);
      expect((await place.good(["uploads", "--json"])).trim()).toBe("");
    },
  );

  it("import goes on within the blob", async () => {
    await makeBig(join(place.work, "import.bin"));
    await place.good(["put", "import.bin", "acme/source:v1", "--quiet"]);
    await place.good(["export", "acme/source:v1", "-o", "import.tar", "--quiet"]);
    await using other = await openStorePlace(kind);
    const words = ["import", join(place.work, "import.tar"), "acme/target", "--quiet"];
    const child = other.begin(words);
    const folder = join(other.root, "uploads");
    await soon("bytes in the store", async () => {
      const names = await readdir(folder).catch(() => []);
      const sizes = await Promise.all(
        names.map((one) =>
          stat(join(folder, one)).then(
            ({ size }) => size,
            () => 0,
          ),
        ),
      );
      return Math.max(0, ...sizes) > 8 * MiB ? true : undefined;
    });
    await endWith(child, "SIGKILL");
    expect(await other.good(words)).toContain("tag v1");
    await other.good(["verify", "acme/target:v1", "--quiet"]);
    expect((await other.good(["uploads", "--json"])).trim()).toBe("");
  });

  it("get and export leave nothing half under its name, and go on", async () => {
    await makeBig(join(place.work, "get.bin"));
    await place.good(["put", "get.bin", "acme/get:v1", "--quiet"]);
    for (const [words, folder] of [
      [["get", "acme/get:v1", "-o", "got", "--quiet"], "got"],
      [["export", "acme/get:v1", "-o", "exported", "--quiet"], "exported/blobs/sha256"],
    ] as const) {
      const child = place.begin(words);
      const partial = async (): Promise<string | undefined> => {
        const names = await readdir(join(place.work, folder)).catch(() => []);
        return names.find((one) => one.endsWith(".partial"));
      };
      await soon("a part of the file", async () => {
        const name = await partial();
        const size =
          name === undefined
            ? 0
            : await stat(join(place.work, folder, name)).then(
                (one) => one.size,
                () => 0,
              );
        return size > 8 * MiB ? true : undefined;
      });
      await endWith(child, "SIGKILL");
      expect(await partial()).toBeDefined();
      // What has its name already is whole: the export's config, and not the large one.
      const named = (await readdir(join(place.work, folder))).filter((one) => !one.endsWith(".partial"));
      const sizes = await Promise.all(named.map(async (one) => (await stat(join(place.work, folder, one))).size));
      expect(Math.max(0, ...sizes)).toBeLessThan(100);
      await place.good(words);
      expect(await partial()).toBeUndefined();
    }
    await run("cmp", [join(place.work, "get.bin"), join(place.work, "got/get.bin")]);
    await place.good(["import", "exported", "acme/again", "--quiet"]);
  });
});

describe("a link that breaks", () => {
  let place: StorePlace;
  let proxy: RateLimitedProxy;
  /** The link is slow, so less of it has a middle, too. */
  const bytes = 64 * MiB;
  beforeAll(async () => {
    place = await openStorePlace("a server");
    const { hostname, port } = new URL(place.server?.url ?? "");
    proxy = await rateLimitedProxy({ target: { host: hostname, port: Number(port) }, bytesPerSecond: 24 * MiB });
  });
  afterAll(async () => {
    await proxy?.close();
    await place?.[Symbol.asyncDispose]();
  });

  it("neither ends a put nor a get: both go on where it broke", async () => {
    await makeBig(join(place.work, "big.bin"), bytes);
    const through = ["--server", `http://${proxy.address}`, "--quiet"];
    const putting = place.run(["put", "big.bin", "acme/cut:v1", "--json", ...through]);
    await soon("bytes in the store", async () => {
      const names = await readdir(join(place.root, "uploads")).catch(() => []);
      const sizes = await Promise.all(
        names.map((one) =>
          stat(join(place.root, "uploads", one)).then(
            ({ size }) => size,
            () => 0,
          ),
        ),
      );
      return Math.max(0, ...sizes) > 8 * MiB ? true : undefined;
    });
    proxy.drop();
    const put = await putting;
    expect([put.code, put.stderr]).toEqual([0, ""]);
    const before = proxy.bytes;
    const getting = place.run(["get", "acme/cut:v1", "-o", "cut", ...through]);
    await soon("bytes on their way back", async () => (proxy.bytes - before > 16 * MiB ? true : undefined));
    proxy.drop();
    const get = await getting;
    expect([get.code, get.stderr]).toEqual([0, ""]);
    await run("cmp", [join(place.work, "big.bin"), join(place.work, "cut/big.bin")]);
    // Once, and not once more from the beginning: what was cut off on its way is less than what had come.
    expect(proxy.bytes - before).toBeLessThan(bytes + 12 * MiB);
  });
});
