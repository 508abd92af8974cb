import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { inClusterConnection, isInCluster } from "./in-cluster.ts";
import { connectionOf, kubeconfigConnection, readKubeconfig } from "./kubeconfig.ts";
import { KubernetesError } from "./kubernetes-error.ts";

const pem = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
const pem64 = Buffer.from(pem).toString("base64");

function config(cluster: object = {}, user: object = {}): string {
  return JSON.stringify({
    apiVersion: "v1",
    kind: "Config",
    "current-context": "here",
    contexts: [{ name: "here", context: { cluster: "c", user: "u", namespace: "apps" } }],
    clusters: [
      {
        name: "c",
        cluster: { server: "https://10.0.0.1:6443/", "certificate-authority-data": pem64, ...cluster },
      },
    ],
    users: [{ name: "u", user: { token: "abc.def", ...user } }],
  });
}
const refusal = (text: string, trust: "own" | "uploaded" = "uploaded"): string => {
  try {
    readKubeconfig(text, trust);
  } catch (error) {
    expect(error).toBeInstanceOf(KubernetesError);
    expect((error as KubernetesError).code).toBe("CONFIGURATION");
    return (error as KubernetesError).message;
  }
  throw new Error("it was taken");
};

describe("readKubeconfig", () => {
  it("reads the current context, in YAML as kubectl writes it too", () => {
    expect(readKubeconfig(config(), "uploaded")).toEqual({
      server: "https://10.0.0.1:6443",
      namespace: "apps",
      certificateAuthority: { data: pem },
      token: { data: "abc.def" },
    });
    const yaml = [
      "apiVersion: v1",
      "clusters:",
      "- cluster:",
      `    certificate-authority-data: ${pem64}`,
      "    server: https://kube.example:6443",
      "    tls-server-name: kube",
      "  name: c",
      "contexts: [{name: here, context: {cluster: c, user: u}}]",
      "current-context: here",
      "users:",
      "- name: u",
      `  user: {client-certificate-data: ${pem64}, client-key-data: ${pem64}}`,
    ].join("\n");
    expect(readKubeconfig(yaml, "uploaded")).toEqual({
      server: "https://kube.example:6443",
      serverName: "kube",
      certificateAuthority: { data: pem },
      clientCertificate: { data: pem },
      clientKey: { data: pem },
    });
  });

  it.each([
    ["a program for credentials", config({}, { exec: { command: "aws" } }), /exec: it asks to run a program/],
    ["an auth provider", config({}, { "auth-provider": { name: "gcp" } }), /auth-provider/],
    ["a server without checks", config({ "insecure-skip-tls-verify": true }), /insecure-skip-tls-verify/],
    ["a proxy", config({ "proxy-url": "http://evil" }), /proxy-url/],
    ["impersonation", config({}, { as: "admin" }), /acts as somebody else/],
    ["a password", config({}, { username: "admin", password: "geheim" }), /passwords are no part/],
    ["half a client certificate", config({}, { "client-certificate-data": pem64 }), /belong together/],
    ["a certificate that is none", config({ "certificate-authority-data": "%%" }), /not the base64 of a PEM/],
    ["a token with a line break", config({}, { token: "a\nb: c" }), /characters that no token has/],
    ["a number for a token", config({}, { token: 5 }), /token is not text/],
    ["plain HTTP to elsewhere", config({ server: "http://10.0.0.1" }), /https/],
    ["a password in the address", config({ server: "https://a:b@10.0.0.1" }), /host, port and path only/],
    ["no address", config({ server: "" }), /no server/],
    ["no YAML", "{a: [", /not valid YAML|cannot be read/],
    ["a list", "[]", /not a mapping/],
    ["nothing", "", /not a mapping/],
    ["no context", "{}", /current-context is missing/],
  ])("refuses %s, whoever it comes from", (_, text, reason) => {
    expect(refusal(text, "own")).toMatch(reason);
    expect(refusal(text, "uploaded")).toMatch(reason);
  });

  it("refuses files and unknown fields of an upload", () => {
    expect(refusal(config({ "certificate-authority": "/etc/shadow" }))).toMatch(/file of another machine/);
    expect(refusal(config({}, { tokenFile: "/etc/shadow" }))).toMatch(/file of another machine/);
    expect(refusal(config({ "disable-compression-of-doom": true }))).toMatch(/not known here/);
    expect(refusal(config({ server: "http://127.0.0.1:1" }))).toMatch(/https/);
  });

  it("refuses what is large, or small and grows", () => {
    expect(refusal(`${config()}${" ".repeat(256 * 1024)}`)).toMatch(/larger than 256 KiB/);
    const bomb = ["a: &a [x,x,x,x,x,x,x,x,x]", "b: &b [*a,*a,*a,*a,*a,*a,*a,*a]", "c: [*b,*b,*b,*b,*b]"].join("\n");
    expect(refusal(bomb)).toMatch(/aliases/);
    expect(refusal("[".repeat(200_000))).toMatch(/YAML/);
    expect(refusal(`a: ${"{b: ".repeat(50_000)}`)).toMatch(/YAML/);
  });

  it("never says a secret", () => {
    for (const text of [config({}, { token: "geh eim" }), config({}, { password: "geheim" })])
      expect(refusal(text)).not.toMatch(/geh ?eim/);
  });

  it("ends with a context or a refusal, whatever comes", () => {
    const outcome = (text: string): boolean => {
      try {
        return readKubeconfig(text, "uploaded").server !== "";
      } catch (error) {
        return error instanceof KubernetesError;
      }
    };
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.json(),
          fc.anything().map((value) => JSON.stringify(value) ?? ""),
        ),
        (text) => {
          expect(outcome(text)).toBe(true);
        },
      ),
    );
  });
});

describe("credentials of files", () => {
  it("are read anew when they change, and stay in use while they cannot be read", async () => {
    const folder = await mkdtemp(path.join(tmpdir(), "waybill-kubeconfig-"));
    try {
      await writeFile(path.join(folder, "token"), "first\n");
      await writeFile(
        path.join(folder, "config"),
        JSON.stringify({
          "current-context": "here",
          contexts: [{ name: "here", context: { cluster: "c", user: "u" } }],
          clusters: [{ name: "c", cluster: { server: "https://10.0.0.1", "certificate-authority-data": pem64 } }],
          users: [{ name: "u", user: { tokenFile: "token" } }],
        }),
      );
      const connection = await kubeconfigConnection(path.join(folder, "config"));
      expect(await connection.credentials()).toEqual({ certificateAuthority: pem, token: "first" });
      await writeFile(path.join(folder, "token"), "second\n");
      expect((await connection.credentials()).token).toBe("first");
      expect((await connection.credentials({ fresh: true })).token).toBe("second");
      await rm(path.join(folder, "token"));
      expect((await connection.credentials({ fresh: true })).token).toBe("second");
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  it("say which file is missing", async () => {
    await expect(kubeconfigConnection("/nowhere/config")).rejects.toThrow(
      /kubeconfig \/nowhere\/config cannot be read/,
    );
    const connection = connectionOf({ server: "https://x", token: { file: "/nowhere/token" } });
    await expect(connection.credentials()).rejects.toThrow(/token \/nowhere\/token cannot be read/);
    await expect(kubeconfigConnection("/dev/zero")).rejects.toThrow(/larger than 256 KiB/);
  });
});

describe("in a pod", () => {
  it("takes host, port, token, authority and namespace of the service account", async () => {
    const folder = await mkdtemp(path.join(tmpdir(), "waybill-account-"));
    try {
      const place = { host: "fd00::1", port: "6443", folder };
      expect(await isInCluster(place)).toBe(false);
      await writeFile(path.join(folder, "token"), "t1");
      await writeFile(path.join(folder, "ca.crt"), pem);
      await writeFile(path.join(folder, "namespace"), "pulltrace\n");
      expect(await isInCluster(place)).toBe(true);
      expect(await isInCluster({ ...place, host: "" })).toBe(false);
      const connection = await inClusterConnection(place);
      expect(connection).toMatchObject({ server: "https://[fd00::1]:6443", namespace: "pulltrace" });
      expect(await connection.credentials()).toEqual({ token: "t1", certificateAuthority: pem.trim() });
    } finally {
      await rm(folder, { recursive: true });
    }
    await expect(inClusterConnection({})).rejects.toThrow(/KUBERNETES_SERVICE_HOST/);
  });
});
