import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type FakeApiServer, startFakeApiServer, temporaryFolder } from "@waybill/foundation/testing";

/** **A fake** API server, and a kubeconfig that leads to it. Real ones are in `tests/cluster`. */
export async function startFakeKubernetes(): Promise<
  AsyncDisposable & { readonly api: FakeApiServer; readonly kubeconfig: string }
> {
  await using stack = new AsyncDisposableStack();
  const folder = stack.use(await temporaryFolder("waybill-kubernetes-"));
  const api = stack.use(await startFakeApiServer());
  const kubeconfig = join(folder.path, "kubeconfig");
  await writeFile(
    kubeconfig,
    JSON.stringify({
      apiVersion: "v1",
      kind: "Config",
      "current-context": "test",
      contexts: [{ name: "test", context: { cluster: "test", user: "test" } }],
      clusters: [{ name: "test", cluster: { server: api.url } }],
      users: [{ name: "test", user: { token: "of-the-server-itself" } }],
    }),
  );
  const owned = stack.move();
  return { api, kubeconfig, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}
