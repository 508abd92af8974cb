import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import {
  architectureHere,
  describeImage,
  writeLayer,
  writeOciLayout,
  type ImageLayer,
  type OciImage,
} from "@waybill/waybill/oci-image";
import { agentRuntime } from "./agent-runtime.ts";
import { baseLayer, nonroot } from "./base-layer.ts";
import { nodeLayer, nodePath } from "./node-layer.ts";
import { readPins } from "./packages.ts";
import { programLayer } from "./program-layer.ts";
import { temporaryFolder } from "./temporary-folder.ts";

interface Definition {
  /** Repository, and `org.opencontainers.image.title`. */
  readonly repository: string;
  /** File in waybill/src/commands/programs. */
  readonly program: string;
  readonly description: string;
  readonly page: boolean;
  /** Programs of its threads, seen from the repository's root. */
  readonly threads: readonly string[];
  /** Options of Node: how large its memory may grow. */
  readonly nodeOptions: readonly string[];
  readonly environment: readonly string[];
  readonly ports: readonly string[];
}

const definitions: readonly Definition[] = [
  {
    repository: "waybill/pulltrace-agent",
    program: "pulltrace-agent",
    description: "Reports the image pulls of a node's containerd",
    page: false,
    threads: [],
    ...agentRuntime,
    ports: [],
  },
  {
    repository: "waybill/pulltrace-server",
    program: "pulltrace-server",
    description: "Every image pull on every node, live: API, page and metrics",
    page: true,
    threads: ["pulltrace/src/server/report-thread/report.worker.ts"],
    nodeOptions: [],
    environment: [],
    ports: ["8080/tcp", "8081/tcp", "9090/tcp"],
  },
];

export interface BuildOptions {
  /** Folder of the OCI layout; replaced. */
  readonly output: string;
  /** Tag of the images. */
  readonly version: string;
  /** Commit that they are made from; left out when not known. */
  readonly revision?: string;
  readonly onStep?: (what: string) => void;
}

/**
 * Builds the images of Pulltrace into one OCI layout folder. They share their base and Node layers. The same sources,
 * lock file and pinned packages are the same digests.
 */
export async function buildImages(options: BuildOptions): Promise<readonly OciImage[]> {
  const { output, version } = options;
  const pins = await readPins();
  if (pins.architecture !== architectureHere) {
    throw new Error(`the pinned packages are for ${pins.architecture}, this machine is ${architectureHere}`);
  }
  await using folder = await temporaryFolder("waybill-images-");
  const work = { base: join(folder.path, "base"), node: join(folder.path, "node") };
  for (const path of Object.values(work)) await mkdir(path);
  await rm(output, { recursive: true, force: true });
  const layer = async (
    createdBy: string,
    entries: Parameters<typeof writeLayer>[1],
  ): Promise<ImageLayer & { readonly createdBy: string }> => {
    const written = await writeLayer(output, entries);
    options.onStep?.(`${createdBy}: ${(written.sizeBytes / 1e6).toFixed(1)} MB`);
    return { ...written, createdBy };
  };
  const base = await layer(
    `Debian ${pins.release}: ${pins.packages.map(({ name, version: of }) => `${name} ${of}`).join(", ")}`,
    await baseLayer(pins, work.base),
  );
  const node = await nodeLayer(work.node);
  const runtime = await layer(`Node ${node.version}`, node.entries);
  const images: OciImage[] = [];
  for (const definition of definitions) {
    const { entries, program } = await programLayer(definition.program, definition);
    const labels = {
      "org.opencontainers.image.title": definition.repository.split("/").at(-1) ?? definition.repository,
      "org.opencontainers.image.description": definition.description,
      "org.opencontainers.image.version": version,
      "org.opencontainers.image.licenses": "Apache-2.0",
      "org.opencontainers.image.vendor": "Waybill",
      "org.opencontainers.image.base.name": `debian:${pins.release}`,
      "org.opencontainers.image.created": pins.chosenAt,
      ...(options.revision === undefined ? {} : { "org.opencontainers.image.revision": options.revision }),
    };
    images.push(
      describeImage({
        name: definition.repository,
        tag: version,
        architecture: pins.architecture,
        created: pins.chosenAt,
        layers: [base, runtime, await layer(`${definition.program} ${version}`, entries)],
        indexed: true,
        annotations: labels,
        config: {
          User: `${nonroot}:${nonroot}`,
          Env: [
            "PATH=/usr/local/bin",
            "NODE_ENV=production",
            "SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt",
            ...definition.environment,
          ],
          Entrypoint: [`/${nodePath}`, ...definition.nodeOptions, program],
          WorkingDir: "/",
          StopSignal: "SIGTERM",
          ...(definition.ports.length === 0
            ? {}
            : { ExposedPorts: Object.fromEntries(definition.ports.map((port) => [port, {}])) }),
          Labels: labels,
        },
      }),
    );
  }
  await writeOciLayout(output, ...images);
  return images;
}
