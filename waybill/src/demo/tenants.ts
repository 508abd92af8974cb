import { UserError } from "@waybill/foundation/errors";

async function answerOf(response: Response): Promise<unknown> {
  const text = await response.text();
  if (response.ok) return JSON.parse(text);
  throw new UserError(`the manager answered ${response.status}: ${text.slice(0, 300)}`);
}

/** Makes tenants on the cluster that every installation brings along, as any client would; those that exist stay. */
export async function makeTenants(url: string, names: readonly string[]): Promise<void> {
  const clusters = (await answerOf(await fetch(`${url}/api/v1/clusters`))) as {
    readonly items?: readonly { readonly id: string; readonly name: string }[];
  };
  const cluster = clusters.items?.find(({ name }) => name === "local");
  if (cluster === undefined) throw new UserError("the manager knows no cluster named local");
  for (const name of names) {
    const response = await fetch(`${url}/api/v1/clusters/${cluster.id}/tenants`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ name }),
    });
    if (response.status === 409) await response.body?.cancel();
    else await answerOf(response);
  }
}
