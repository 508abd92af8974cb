import { writeFile } from "node:fs/promises";
import { type Authority, makeAuthority, type Pair, serviceAccountKeys, type Subject } from "./certificates.ts";
import { kubeconfig } from "./kubeconfig.ts";
import type { Scene } from "./scene.ts";

/** Files of certificates, keys and kubeconfigs, all signed by the cluster's own authority. */
export interface Pki {
  readonly authority: Authority;
  /** Path of `pki/NAME`. */
  file(name: string): string;
  /** Writes `pki/NAME.crt` and `pki/NAME.key`. */
  writePair(name: string, subject: Subject): Promise<Pair>;
  /** A client of the API server: writes `pki/NAME.kubeconfig`, and answers its path. */
  writeKubeconfig(name: string, subject: Subject): Promise<string>;
}

/** @param server the API server's URL, as clients know it */
export async function makePki(scene: Scene, server: string): Promise<Pki> {
  const authority = await makeAuthority(scene.programs.certificates);
  const file = (name: string): string => scene.path("pki", name);
  const write = (name: string, content: string): Promise<void> => writeFile(file(name), content, { mode: 0o600 });
  const issue = async (subject: Subject): Promise<Pair> => {
    const [pair] = await authority.issue([subject]);
    if (pair === undefined) throw new Error(`no certificate for ${subject.commonName} was issued`);
    return pair;
  };
  const keys = serviceAccountKeys();
  await write("ca.crt", authority.certificate);
  await write("ca.key", authority.key);
  await write("service-accounts.pub", keys.publicKey);
  await write("service-accounts.key", keys.privateKey);
  return {
    authority,
    file,
    async writePair(name, subject) {
      const pair = await issue(subject);
      await write(`${name}.crt`, pair.certificate);
      await write(`${name}.key`, pair.key);
      return pair;
    },
    async writeKubeconfig(name, subject) {
      const pair = await issue({ ...subject, client: true });
      await write(`${name}.kubeconfig`, kubeconfig(server, authority.certificate, pair));
      return file(`${name}.kubeconfig`);
    },
  };
}
