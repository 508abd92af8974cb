import { mkdtemp, rm } from "node:fs/promises";
import { resolve } from "node:path";
import { architectureHere, describeImage, pushImage, writeLayer } from "@waybill/waybill/oci-image";
import type { Scene } from "./scene.ts";
import { until } from "./until.ts";

const launcher = resolve(import.meta.dirname, "../../../bin/waybill");
/** In the registry that the nodes pull from. Its host is nobody's: every name comes from there. */
export const sandboxReference = "waybill-cluster/pause:1";

/** A `waybill store serve` of the cluster's own, on its loopback address; answers its URL. */
export async function startRegistry(scene: Scene): Promise<string> {
  const { loopback } = scene.plan;
  const addresses = ["--http", `${loopback}:5000`, "--metrics", `${loopback}:5001`];
  const daemon = scene.start("registry", launcher, ["store", "serve", "--root", scene.path("registry"), ...addresses]);
  const url = `http://${loopback}:5000`;
  await until("the cluster's registry", async () => {
    await daemon.check();
    return fetch(`${url}/v2/`).then(
      (response) => response.ok,
      () => false,
    );
  });
  return url;
}

/** `team-a/web:1` → repository and tag. */
function partsOf(reference: string): { readonly name: string; readonly tag: string } {
  const [, name, tag] = /^([^:@]+):([^:@/]+)$/.exec(reference) ?? [];
  if (name === undefined || tag === undefined)
    throw new Error(`an image is pushed as repository:tag (team-a/web:1), not as ${reference}`);
  return { name, tag };
}

/** Pushes an image that is one static program: no shell, no library, user 65532. */
export async function pushProgram(scene: Scene, registry: string, reference: string, program: string): Promise<void> {
  const folder = await mkdtemp(scene.path("image-"));
  try {
    const nobody = "nonroot:x:65532:65532:nonroot:/:/sbin/nologin\n";
    const layer = await writeLayer(
      folder,
      new Map([
        ["program", { kind: "file", source: program, mode: 0o755 }],
        ["etc/passwd", { kind: "file", content: Buffer.from(nobody) }],
        ["tmp", { kind: "directory", mode: 0o1777 }],
      ]),
    );
    const image = describeImage({
      ...partsOf(reference),
      layers: [{ ...layer, createdBy: "one static program" }],
      architecture: architectureHere,
      created: "2026-01-01T00:00:00Z",
      config: { Entrypoint: ["/program"], User: "65532:65532", WorkingDir: "/" },
    });
    await pushImage(image, { registry });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
