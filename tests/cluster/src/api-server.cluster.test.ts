import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startApiServer } from "./api-server.ts";
import type { ApiServer } from "./contract.ts";
import { apiServerMissing } from "./missing.ts";
import { leftovers, nothing } from "./testing/leftovers.ts";

const run = promisify(execFile);
const script = fileURLToPath(new URL("./testing/stranger.ts", import.meta.url));
const nobody = { uid: 65_534, gid: 65_534, cwd: "/", env: { HOME: "/nonexistent" } };

/** Why a user without rights cannot even read this checkout (below /root, say), as a sentence. */
async function strangerMissing(): Promise<string | undefined> {
  if (process.getuid?.() !== 0) return "whoever runs this has no rights anyway";
  const reads = await run(process.execPath, ["--check", script], nobody).then(
    () => true,
    () => false,
  );
  return reads ? undefined : "user 65534 cannot read this checkout";
}

const missing = await apiServerMissing();
const stranger = missing ?? (await strangerMissing());
const reason = missing === undefined ? "" : ` (not tried: ${missing})`;
let api: ApiServer;

beforeAll(async () => {
  if (missing === undefined) api = await startApiServer();
});
afterAll(() => api?.stop());

describe.skipIf(missing !== undefined)(`an API server alone${reason}`, () => {
  it("answers on a loopback address of its own, as the version it was built as", async () => {
    expect(api.server).toMatch(/^https:\/\/127\.(?!0\.)/);
    const { serverVersion } = JSON.parse(await api.kubectl(["version", "-o", "json"])) as {
      serverVersion: { gitVersion: string };
    };
    expect(serverVersion.gitVersion).toBe("v1.34.4");
  });

  it("keeps what it was given when it is killed and started again", async () => {
    await api.apply("apiVersion: v1\nkind: ConfigMap\nmetadata: { name: kept }\ndata: { answer: yes please }\n");
    await api.restart();
    expect(await api.get(["configmap", "kept"])).toMatchObject({ data: { answer: "yes please" } });
  });

  it("knows users by their certificates, and gives tokens to service accounts that it knows again", async () => {
    const alice = await api.kubeconfigFor("alice", ["developers"]);
    const review = await api.kubectl(["auth", "whoami", "-o", "json"], { kubeconfig: alice });
    expect(JSON.parse(review)).toMatchObject({
      status: { userInfo: { username: "alice", groups: ["developers", "system:authenticated"] } },
    });
    await expect(api.kubectl(["get", "secrets"], { kubeconfig: alice })).rejects.toThrow(/Forbidden/);
    await api.kubectl(["create", "serviceaccount", "robot"]);
    const token = (await api.kubectl(["create", "token", "robot"])).trim();
    await api.apply("apiVersion: v1\nkind: Namespace\nmetadata: { name: elsewhere }\n");
    const reviewed = await api.kubectl(["create", "-o", "json", "-f", "-"], {
      input: JSON.stringify({ apiVersion: "authentication.k8s.io/v1", kind: "TokenReview", spec: { token } }),
    });
    expect(JSON.parse(reviewed)).toMatchObject({
      status: { authenticated: true, user: { username: "system:serviceaccount:default:robot" } },
    });
  });

  it.skipIf(stranger !== undefined)(
    `is started by a user without rights, too${stranger === undefined ? "" : ` (not tried: ${stranger})`}`,
    async () => {
      const { stdout } = await run(process.execPath, [script], nobody);
      expect(stdout).toBe(`${nobody.uid} namespace/default\n`);
    },
  );

  it("stands beside another one, and goes without a trace", async () => {
    const other = await startApiServer();
    try {
      expect(other.server).not.toBe(api.server);
      await expect(other.kubectl(["get", "configmap", "kept"])).rejects.toThrow(/NotFound/);
    } finally {
      await other.stop();
    }
    expect(await leftovers(other.id)).toEqual(nothing);
    expect(await api.kubectl(["get", "namespaces", "-o", "name"])).toContain("namespace/default");
  });
});
