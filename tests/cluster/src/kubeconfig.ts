import type { Pair } from "./certificates.ts";

/** A kubeconfig (JSON is YAML) of one user with a client certificate. */
export function kubeconfig(server: string, authorityCertificate: string, user: Pair): string {
  const base64 = (text: string): string => Buffer.from(text).toString("base64");
  return `${JSON.stringify(
    {
      apiVersion: "v1",
      kind: "Config",
      "current-context": "test",
      clusters: [{ name: "test", cluster: { server, "certificate-authority-data": base64(authorityCertificate) } }],
      users: [
        {
          name: "test",
          user: {
            "client-certificate-data": base64(user.certificate),
            "client-key-data": base64(user.key),
          },
        },
      ],
      contexts: [{ name: "test", context: { cluster: "test", user: "test", namespace: "default" } }],
    },
    null,
    2,
  )}\n`;
}
