/** `make images`: builds the container images, and pushes them when asked to. */
import { readFile } from "node:fs/promises";
import { relative, resolve } from "node:path";
import { UserError } from "@waybill/foundation/errors";
import { pushImage, type OciImage } from "@waybill/waybill/oci-image";
import { Command, InvalidArgumentError } from "commander";
import { buildImages } from "./images.ts";
import { updatePins } from "./packages.ts";

const root = resolve(import.meta.dirname, "../../..");

const help = `
Builds waybill/pulltrace-agent and waybill/pulltrace-server as one OCI layout folder. Needs no container daemon and no
root; Debian's apt-get, dpkg-deb and strip.

Examples:
  make images
  make images ARGS="--push http://127.0.0.1:8080"
  WAYBILL_TOKEN=$(cat token) make images ARGS="--push https://registry.example --version 1.2.0"
  skopeo copy oci:dist/images:waybill/pulltrace-agent:0.1.0 docker://registry.example/waybill/pulltrace-agent:0.1.0
`;

interface Options {
  readonly output: string;
  readonly version: string;
  readonly revision?: string;
  readonly push?: string;
  readonly json?: boolean;
}

const say = (line: string): void => void process.stderr.write(`${line}\n`);
const sizeOf = (image: OciImage): number => image.layers.reduce((sum, layer) => sum + layer.sizeBytes, 0);

async function build(options: Options): Promise<void> {
  const output = resolve(options.output);
  const images = await buildImages({
    output,
    version: options.version,
    ...(options.revision === undefined ? {} : { revision: options.revision }),
    onStep: (what) => say(`  ${what}`),
  });
  const token = process.env["WAYBILL_TOKEN"];
  for (const image of options.push === undefined ? [] : images) {
    say(`pushing ${image.name}:${image.tag} to ${options.push}`);
    await pushImage(image, {
      registry: options.push ?? "",
      ...(token === undefined || token === "" ? {} : { authorization: `Bearer ${token}` }),
    });
  }
  const answers = images.map((image) => ({
    name: image.name,
    tag: image.tag,
    digest: (image.index ?? image.manifest).digest,
    bytes: sizeOf(image),
  }));
  if (options.json === true) return void process.stdout.write(`${JSON.stringify({ output, images: answers })}\n`);
  for (const { name, tag, digest, bytes } of answers) {
    process.stdout.write(`${name}:${tag}@${digest}  ${(bytes / 1e6).toFixed(1)} MB compressed\n`);
  }
  process.stdout.write(`written as OCI layout to ${relative(process.cwd(), output) || "."}\n`);
}

function address(value: string): string {
  if (URL.canParse(value) && /^https?:$/.test(new URL(value).protocol)) return value;
  throw new InvalidArgumentError("It must be the http or https address of a registry, such as http://127.0.0.1:8080.");
}

function tag(value: string): string {
  // Distribution specification, "Pulling manifests".
  if (/^\w[\w.-]{0,127}$/.test(value)) return value;
  throw new InvalidArgumentError("A tag has letters, digits, dots, dashes and underscores, at most 128 of them.");
}

async function release(): Promise<string> {
  const manifest = JSON.parse(await readFile(resolve(root, "waybill/package.json"), "utf8")) as { version: string };
  return manifest.version;
}

const program = new Command("images").description("Container images, made without a container daemon.");
program
  .command("build", { isDefault: true })
  .description("build the images, and push them with --push")
  .option("--output <folder>", "where the OCI layout is written; replaced", resolve(root, "dist/images"))
  .option("--version <tag>", "release that the images are", tag, await release())
  .option("--revision <commit>", "commit that is named in their labels")
  .option("--push <url>", "registry to push to; a token is read from WAYBILL_TOKEN", address)
  .option("--json", "print names and digests as JSON")
  .addHelpText("after", help)
  .action(build);
program
  .command("update-packages")
  .description("pin the newest Debian packages that apt knows")
  .action(async () => {
    const pins = await updatePins(new Date());
    for (const { name, version } of pins.packages) process.stdout.write(`${name} ${version}\n`);
  });

try {
  await program.parseAsync();
} catch (error) {
  if (!(error instanceof UserError)) throw error;
  process.stderr.write(`images: ${error.message}\n${error.advice}\n`);
  process.exitCode = 1;
}
