/** How an API server is reached, and who we are there. Secrets: never log it. */
export interface Connection {
  /** `https://host:port` without a path at its end. */
  readonly server: string;
  /** Name to ask for and to check in the certificate, when it is not the host of `server`. */
  readonly serverName?: string;
  /** Read again from time to time: tokens and certificates of files rotate. */
  credentials(o?: { readonly fresh?: boolean }): Promise<Credentials>;
  /** Namespace of the kubeconfig's context or of the service account. */
  readonly namespace?: string;
}

export interface Credentials {
  /** PEM; the system's authorities when absent. */
  readonly certificateAuthority?: string;
  /** PEM */
  readonly clientCertificate?: string;
  /** PEM */
  readonly clientKey?: string;
  readonly token?: string;
}
