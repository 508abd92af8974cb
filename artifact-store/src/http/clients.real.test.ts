import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { temporaryFolder } from "@waybill/foundation/testing";
import { describe, expect, it } from "vitest";
import { digestOf, hexOf, type Digest } from "../digest/index.ts";
import { openDoor, startStoreServer, writeImageLayout } from "../testing/index.ts";

const run = promisify(execFile);

async function skopeo(...args: readonly string[]): Promise<string> {
  return (await run("skopeo", args)).stdout;
}

/** Every blob that a layout's manifest names, read and digested. */
async function verifyLayout(folder: string): Promise<Digest> {
  const read = async (digest: Digest): Promise<Buffer> => {
    const bytes = await readFile(join(folder, "blobs", "sha256", hexOf(digest)));
    expect(digestOf(bytes)).toBe(digest);
    return bytes;
  };
  const index = JSON.parse(await readFile(join(folder, "index.json"), "utf8")) as { manifests: [{ digest: Digest }] };
  const { digest } = index.manifests[0];
  const manifest = JSON.parse((await read(digest)).toString()) as {
    config: { digest: Digest };
    layers: { digest: Digest }[];
  };
  for (const part of [manifest.config, ...manifest.layers]) await read(part.digest);
  return digest;
}

describe("real clients", () => {
  it("skopeo pushes an image, lists it, copies it to another repository, and pulls it back byte for byte", async () => {
    await using folder = await temporaryFolder("waybill-skopeo-");
    await using server = await startStoreServer(join(folder.path, "store"));
    const registry = server.url.replace("http://", "docker://");
    const source = join(folder.path, "image");
    const digest = await writeImageLayout(source, [
      randomBytes(30_000_000),
      randomBytes(2_000_000),
      Buffer.from("small"),
    ]);
    const plain = ["--src-tls-verify=false", "--dest-tls-verify=false"];

    await skopeo("copy", "--dest-tls-verify=false", `oci:${source}:latest`, `${registry}/acme/app:v1`);
    expect(JSON.parse(await skopeo("list-tags", "--tls-verify=false", `${registry}/acme/app`))).toMatchObject({
      Tags: ["v1"],
    });
    expect(JSON.parse(await skopeo("inspect", "--tls-verify=false", `${registry}/acme/app:v1`))).toMatchObject({
      Digest: digest,
    });
    await skopeo("copy", ...plain, `${registry}/acme/app:v1`, `${registry}/acme/copy/of/app:v2`);
    const target = join(folder.path, "pulled");
    await skopeo("copy", "--src-tls-verify=false", `${registry}/acme/copy/of/app@${digest}`, `oci:${target}:latest`);
    expect(await verifyLayout(target)).toBe(digest);

    await skopeo("delete", "--tls-verify=false", `${registry}/acme/app:v1`);
    await expect(skopeo("inspect", "--tls-verify=false", `${registry}/acme/app:v1`)).rejects.toThrow(
      "manifest unknown",
    );
  });

  it("skopeo, which asks before it pushes, heals what a pull found damaged: a small layer and a large one", async () => {
    await using folder = await temporaryFolder("waybill-skopeo-");
    const door = await openDoor({}, { verifyReads: true });
    try {
      const image = `${door.url.replace("http://", "docker://")}/acme/app:v1`;
      const credentials = `any:${door.tokens.admin}`;
      const source = join(folder.path, "image");
      const digest = await writeImageLayout(source, [randomBytes(5000), randomBytes(5_000_000)]);
      const manifest = JSON.parse(await readFile(join(source, "blobs", "sha256", hexOf(digest)), "utf8")) as {
        layers: { digest: Digest; size: number }[];
      };
      const push = ["copy", "--dest-tls-verify=false", "--dest-creds", credentials, `oci:${source}:latest`, image];
      const pull = async (to: string): Promise<string> =>
        await skopeo(
          "copy",
          "--src-tls-verify=false",
          "--src-creds",
          credentials,
          image,
          `oci:${join(folder.path, to)}`,
        );
      await skopeo(...push);
      const names = await readdir(join(door.folder, "blobs"), { recursive: true });
      // The small one first: once it was read, it is in memory.
      for (const [index, layer] of manifest.layers.entries()) {
        const path = join(door.folder, "blobs", names.find((name) => name.endsWith(hexOf(layer.digest))) ?? "");
        await writeFile(path, randomBytes(layer.size));
        await expect(pull(`broken-${index}:latest`)).rejects.toThrow();
        expect((await door.call("HEAD", `/v2/acme/app/blobs/${layer.digest}`)).status).toBe(404);
        await skopeo(...push);
        await pull(`healed-${index}:latest`);
        expect(await verifyLayout(join(folder.path, `healed-${index}`))).toBe(digest);
      }
    } finally {
      await door.close();
    }
  });

  it("podman pulls what skopeo pushed, and pushes it again in Docker's format", async () => {
    await using folder = await temporaryFolder("waybill-podman-");
    await using server = await startStoreServer(join(folder.path, "store"));
    const registry = server.url.replace("http://", "");
    const source = join(folder.path, "image");
    await writeImageLayout(source, [randomBytes(1_000_000), Buffer.from("small")]);
    await skopeo("copy", "--dest-tls-verify=false", `oci:${source}:latest`, `docker://${registry}/acme/app:v1`);
    const storage = [
      "--root",
      join(folder.path, "podman"),
      "--runroot",
      join(folder.path, "podman-run"),
      "--storage-driver",
      "vfs",
    ];
    const podman = async (...args: readonly string[]): Promise<string> =>
      (await run("podman", [...storage, ...args])).stdout;
    const id = (await podman("pull", "--quiet", "--tls-verify=false", `${registry}/acme/app:v1`)).trim();
    await podman("push", "--quiet", "--tls-verify=false", "--format", "v2s2", id, `${registry}/acme/app:docker`);
    const raw = JSON.parse(
      await skopeo("inspect", "--raw", "--tls-verify=false", `docker://${registry}/acme/app:docker`),
    ) as { mediaType: string };
    expect(raw.mediaType).toBe("application/vnd.docker.distribution.manifest.v2+json");
  });
});
