import { join } from "node:path";
import { createTokenAuthority } from "@waybill/foundation/auth";
import { temporaryFolder } from "@waybill/foundation/testing";
import { buildSampleImage, writeOciLayout } from "@waybill/waybill/sample";
import { expect, it } from "vitest";
import { runPage } from "./harness/page-commands.ts";
import { startWaybill } from "./harness/waybill.ts";

const signingKey = "a key for tests, longer than thirty-two bytes";

it("the commands of docs/oci.md run as they are written, one after the other", async () => {
  await using folder = await temporaryFolder("waybill-oci-page-");
  await using stack = new AsyncDisposableStack();
  const waybill = stack.adopt(
    await startWaybill(
      ["store", "serve", "--root", join(folder.path, "store"), "--http", "127.0.0.1:0", "--metrics", "127.0.0.1:0"],
      { JWT_SIGNING_KEY: signingKey },
    ),
    (running) => running.close(),
  );
  const image = await buildSampleImage({ name: "acme/app", layers: [{ seed: "page", sizeBytes: 10_000 }] });
  await writeOciLayout(join(folder.path, "layout"), image);
  const authority = createTokenAuthority({ key: Buffer.from(signingKey) });
  const claims = { subject: "me", roles: ["projectDev"], tenant: "acme", ttlSeconds: 600 } as const;
  const { token } = await authority.issue(claims);

  const environment = {
    ...process.env,
    REGISTRY: new URL(waybill.url).host,
    TOKEN: token,
    IMAGE: `${join(folder.path, "layout")}:${image.name}:${image.tag}`,
  };
  const [pushed = "", asked = "", uploaded = "", short = ""] = await runPage("oci.md", {
    cwd: folder.path,
    environment,
  });
  expect(pushed).toContain('"v1"');
  expect(asked).toContain('{"repositories":["acme/app"]}');
  expect(asked).toContain('"manifests":[]');
  expect(uploaded).toBe("0-5\nworld");
  expect(JSON.parse(short)).toEqual({ name: "acme/app", tags: ["v1"] });
});
