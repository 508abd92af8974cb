/** Bytes per second, as every speed here. */
export interface NodeLink {
  /** The node's download speed from outside, enforced by the kernel; undefined takes the limit away. */
  setRate(bytesPerSecond: number | undefined): Promise<void>;
  /** Unplugs the cable, or plugs it in again: the node runs on, and nobody reaches it. */
  setUp(up: boolean): Promise<void>;
  /** Bytes that have gone to the node, over all its starts. */
  receivedBytes(): Promise<number>;
}

export interface ClusterNode {
  /** `node-1`, `node-2`, …: its name in Kubernetes and its host name. */
  readonly name: string;
  /** Its IPv4 address, which the test reaches as well. */
  readonly address: string;
  /** `10.x.1.0/24`: its pods'. The test reaches them too. */
  readonly podSubnet: string;
  readonly running: boolean;
  /** Its containerd's socket, as a path outside the node. In the node it is `/run/containerd/containerd.sock`. */
  readonly containerdSocket: string;
  readonly link: NodeLink;
  /** Process 1 of the node, seen from outside; undefined while it is off. */
  readonly pid: number | undefined;
  /** Runs a program in the node's namespaces; rejects with its words when it fails. */
  run(program: string, parameters: readonly string[], options?: CommandOptions): Promise<string>;
  /** What one of its daemons has written so far, over all starts of the node. */
  log(daemon: NodeDaemon): Promise<string>;
  /** Ends one daemon and starts it again (`SIGTERM` unless said otherwise); resolves when it has been started. */
  restart(daemon: NodeDaemon, signal?: NodeJS.Signals): Promise<void>;
}
export type NodeDaemon = "containerd" | "kubelet" | "kube-proxy";

export interface CommandOptions {
  /** Standard input. */
  readonly input?: string;
  /** Gives up and kills the program; 240,000 unless said otherwise. */
  readonly timeoutMs?: number;
}

export interface KubectlOptions extends CommandOptions {
  /** Path of another identity's, see `kubeconfigFor`; the administrator's when absent. */
  readonly kubeconfig?: string;
}

export interface NodeOptions {
  /** True lets the kubelet pull one image after the other, which is what Kubernetes does unless told; false here. */
  readonly serializeImagePulls?: boolean;
  /** The link's speed from the start; without a limit when absent. */
  readonly bytesPerSecond?: number;
  /**
   * Another containerd than the one on PATH (Debian's 1.6): a folder with `containerd`, its shim and `ctr`. That of 2.2,
   * which is built with the cluster's programs, is `await containerd2Folder()`.
   */
  readonly containerdFolder?: string;
}

export interface ClusterOptions extends NodeOptions {
  /** 2 when absent; 0 is a control plane alone. */
  readonly nodes?: number;
  /**
   * URL of the registry (`http://127.0.0.1:41235`) from which every image name comes, whatever registry it names. The
   * sandbox image is pushed to it as `waybill-cluster/pause:1`. Without one, a `waybill store serve` is started.
   */
  readonly registry?: string;
  /** Registries of other names: `{ "closed.test": "http://127.0.0.1:41236" }` serves `closed.test/app:1`. */
  readonly registries?: Readonly<Record<string, string>>;
  /** How long a silent node counts as Ready: seconds; 12 when absent (Kubernetes: 50). */
  readonly nodeMonitorGraceSeconds?: number;
  /** Says each step with its time; nothing when absent. */
  readonly onProgress?: (line: string) => void;
}

/** What an API server's client needs. */
export interface ApiServer extends AsyncDisposable {
  /** Eight hexadecimal digits, in the name of everything that belongs to it. */
  readonly id: string;
  /** `https://127.x.y.z:6443`, or an address that the nodes reach as well. */
  readonly server: string;
  /** Path of the administrator's kubeconfig. */
  readonly kubeconfig: string;
  /** Path of the certificate of the authority that signed everything here. */
  readonly certificateAuthority: string;
  /** Makes a client certificate for a user; answers the path of a kubeconfig with it. RBAC decides what it may do. */
  kubeconfigFor(user: string, groups?: readonly string[]): Promise<string>;
  /** Runs kubectl; answers its standard output, rejects with its words. */
  kubectl(parameters: readonly string[], options?: KubectlOptions): Promise<string>;
  /** `kubectl get … -o json`, read. */
  get<T>(parameters: readonly string[], options?: KubectlOptions): Promise<T>;
  /** Creates or updates what the documents describe (server-side apply). */
  apply(yaml: string, options?: KubectlOptions): Promise<string>;
  /** What the API server, or another program of the control plane, has written so far. */
  log(program: ControlPlaneProgram): Promise<string>;
  /** Kills the API server and starts it again at the same address, on the same data. */
  restart(): Promise<void>;
  /** Ends everything and removes everything. Again is no error. */
  stop(): Promise<void>;
}
export type ControlPlaneProgram = "etcd" | "kube-apiserver" | "kube-controller-manager" | "kube-scheduler" | "coredns";

export interface Cluster extends ApiServer {
  /** The test's own address in the cluster's network: what listens on it, pods and nodes reach. */
  readonly hostAddress: string;
  /** URL at which the test pushes images. */
  readonly registry: string;
  readonly nodes: readonly ClusterNode[];
  /** Throws when there is none of this name. */
  node(name: string): ClusterNode;
  /** Resolves when the new node is Ready. */
  addNode(options?: NodeOptions): Promise<ClusterNode>;
  /** A power cut: every process of the node is gone at once, its disk stays. */
  killNode(name: string): Promise<void>;
  /** Starts a killed node on its old disk; resolves when its kubelet runs, which is before it is Ready. */
  startNode(name: string): Promise<void>;
  helm(parameters: readonly string[], options?: KubectlOptions): Promise<string>;
  /**
   * Waits until `kubectl wait` sees it: `waitFor("node/node-1", "condition=Ready")`, `waitFor("pod/web", "delete")`.
   * The limit (240,000 ms) is when it stops hoping, and it then says how the thing looks.
   */
  waitFor(resource: string, condition: string, options?: WaitOptions): Promise<void>;
  /** Builds an image of one static program and pushes it as `repository:tag` (`team-a/web:1`). */
  pushProgram(reference: string, program: string): Promise<void>;
}

export interface WaitOptions {
  readonly namespace?: string;
  readonly timeoutMs?: number;
}

export interface ApiServerOptions {
  readonly onProgress?: (line: string) => void;
}
