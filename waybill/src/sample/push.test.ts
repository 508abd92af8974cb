import { createHash } from "node:crypto";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { openStore } from "@waybill/artifact-store";
import { registryGroups } from "@waybill/artifact-store/http";
import { openAuthenticator } from "@waybill/foundation/auth";
import { createApp, startServer } from "@waybill/foundation/http";
import { silentLogger, temporaryFolder } from "@waybill/foundation/testing";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { buildSampleImage, pushImage, type PushProgress, type SampleImage } from "./index.ts";

let stack: AsyncDisposableStack;
let registry: string;
let image: SampleImage;

beforeEach(async () => {
  stack = new AsyncDisposableStack();
  const folder = stack.use(await temporaryFolder("waybill-push-"));
  const store = stack.adopt(await openStore({ root: join(folder.path, "store") }), (open) => open.close());
  const log = silentLogger();
  const app = createApp({ groups: registryGroups(store, { log }), authenticator: openAuthenticator(), log });
  const server = stack.adopt(await startServer({ app, address: { host: "127.0.0.1", port: 0 }, log }), (running) =>
    running.close(),
  );
  registry = server.url;
  image = await buildSampleImage({
    name: "team-a/app",
    tag: "2.1",
    layers: [
      { seed: "base", sizeBytes: 300_000 },
      { seed: "app", sizeBytes: 70_000 },
    ],
  });
});
afterEach(() => stack.disposeAsync());

async function digestAt(path: string): Promise<string> {
  const response = await fetch(new URL(path, registry));
  expect(response.status).toBe(200);
  return `sha256:${createHash("sha256")
    .update(new Uint8Array(await response.arrayBuffer()))
    .digest("hex")}`;
}

describe("pushing a sample image", () => {
  it("puts every blob and the manifest where a client finds them, bit for bit", async () => {
    await pushImage(image, { registry });
    for (const { digest } of [...image.layers, image.config]) {
      expect(await digestAt(`/v2/team-a/app/blobs/${digest}`)).toBe(digest);
    }
    expect(await digestAt("/v2/team-a/app/manifests/2.1")).toBe(image.manifest.digest);
  });

  it("tells how far it is, never going back, and ends at the whole", async () => {
    const seen: PushProgress[] = [];
    await pushImage(image, { registry, onProgress: (progress) => void seen.push(progress) });
    const done = seen.map(({ doneBytes }) => doneBytes);
    expect(done).toEqual(done.toSorted((a, b) => a - b));
    expect(seen.at(-1)).toMatchObject({ doneBytes: seen[0]?.totalBytes });
  });

  it("sends nothing twice: of a second push every blob counts as done at once", async () => {
    await pushImage(image, { registry });
    const seen: PushProgress[] = [];
    await pushImage(image, { registry, onProgress: (progress) => void seen.push(progress) });
    expect(seen).toHaveLength(image.layers.length + 1);
  });

  it("repeats the registry's words when it refuses", async () => {
    await expect(pushImage({ ...image, name: "Team A" }, { registry })).rejects.toThrow(/was answered with 4\d\d/);
  });

  it("ends when it is told to", async () => {
    await expect(pushImage(image, { registry, signal: AbortSignal.abort() })).rejects.toMatchObject({
      name: "AbortError",
    });
  });

  it("gives up on a registry that takes nothing", async () => {
    const mute = createServer(() => {});
    await new Promise<void>((resolve) => mute.listen(0, "127.0.0.1", resolve));
    stack.defer(() => void mute.close());
    stack.defer(() => mute.closeAllConnections());
    const { port } = mute.address() as AddressInfo;
    const push = pushImage(image, { registry: `http://127.0.0.1:${port}`, stallTimeoutMs: 200 });
    await expect(push).rejects.toThrow("no byte moved");
  });
});
