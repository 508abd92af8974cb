import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startApiServer } from "./api-server.ts";
import type { ApiServer } from "./contract.ts";
import { apiServerMissing } from "./missing.ts";
import { leftovers, nothing } from "./testing/leftovers.ts";

const missing = await apiServerMissing();
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
