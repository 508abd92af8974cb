import type { NodePlan } from "./addresses.ts";

/** Where a node's own things stand, as paths outside the node; the same paths lead there from inside. */
export interface NodeFiles {
  readonly folder: string;
  readonly certificateAuthority: string;
  readonly kubeletCertificate: string;
  readonly kubeletKey: string;
  readonly proxyKubeconfig: string;
}

/** Every image name whatever registry it names (`_default`), or those of one registry, come from `url`. */
export function hostsToml(url: string): string {
  return `server = ${JSON.stringify(url)}

[host.${JSON.stringify(url)}]
  capabilities = ["pull", "resolve"]
`;
}

/**
 * Without rights to raise limits and scores: `restrict_oom_score_adj`. The names of the two CRI plugins differ: version
 * 2 is for containerd 1.6 and 1.7, version 3 for containerd 2.
 */
export function containerdToml(version: 2 | 3, sandboxImage: string, pluginFolder: string): string {
  const disabled = [
    ...["btrfs", "zfs", "aufs", "devmapper", "blockfile", "erofs"].map(
      (name) => `io.containerd.snapshotter.v1.${name}`,
    ),
    "io.containerd.internal.v1.opt",
    ...(version === 3 ? ["io.containerd.nri.v1.nri", "io.containerd.internal.v1.tracing"] : []),
  ];
  const runtime = version === 3 ? "io.containerd.cri.v1.runtime" : "io.containerd.grpc.v1.cri";
  const images = version === 3 ? "io.containerd.cri.v1.images" : "io.containerd.grpc.v1.cri";
  const sandbox = JSON.stringify(sandboxImage);
  const folders =
    version === 3 ? `bin_dirs = [${JSON.stringify(pluginFolder)}]` : `bin_dir = ${JSON.stringify(pluginFolder)}`;
  return `version = ${version}
oom_score = 0
disabled_plugins = ${JSON.stringify(disabled)}

[debug]
  level = "info"

[plugins."${runtime}"]
  restrict_oom_score_adj = true
  netns_mounts_under_state_dir = true
  ${version === 2 ? `sandbox_image = ${sandbox}` : ""}

[plugins."${runtime}".cni]
  ${folders}

[plugins."${images}".registry]
  config_path = "/etc/containerd/certs.d"

${version === 3 ? `[plugins."${images}".pinned_images]\n  sandbox = ${sandbox}` : ""}
`;
}

/** The pods' network: a bridge in the node. A pod that asks for a Service it serves itself comes back in (hairpin). */
export function networkConfiguration(podSubnet: string): string {
  return JSON.stringify({
    cniVersion: "0.4.0",
    name: "pods",
    plugins: [
      {
        type: "bridge",
        bridge: "cni0",
        isGateway: true,
        ipMasq: false,
        hairpinMode: true,
        ipam: { type: "host-local", ranges: [[{ subnet: podSubnet }]], routes: [{ dst: "0.0.0.0/0" }] },
      },
      { type: "portmap", capabilities: { portMappings: true } },
    ],
  });
}

/** JSON is YAML. Eviction is off: it would measure the machine's disk and memory, not the node's. */
export function kubeletConfiguration(
  node: NodePlan,
  files: NodeFiles,
  dns: string,
  serializeImagePulls: boolean,
): string {
  return JSON.stringify({
    apiVersion: "kubelet.config.k8s.io/v1beta1",
    kind: "KubeletConfiguration",
    address: node.address,
    authentication: {
      anonymous: { enabled: false },
      webhook: { enabled: true },
      x509: { clientCAFile: files.certificateAuthority },
    },
    authorization: { mode: "Webhook" },
    tlsCertFile: files.kubeletCertificate,
    tlsPrivateKeyFile: files.kubeletKey,
    // In a folder of the node's own; pods of files that are put there are looked for each second, not each 20.
    staticPodPath: "/var/lib/kubelet/manifests",
    fileCheckFrequency: "1s",
    containerRuntimeEndpoint: "unix:///run/containerd/containerd.sock",
    cgroupDriver: "cgroupfs",
    cgroupRoot: `/${node.controlGroup}`,
    failCgroupV1: false,
    failSwapOn: false,
    oomScoreAdj: 0,
    enforceNodeAllocatable: [],
    clusterDNS: [dns],
    clusterDomain: "cluster.local",
    resolvConf: "/etc/resolv.conf",
    volumePluginDir: "/var/lib/kubelet/volumeplugins",
    imageGCHighThresholdPercent: 100,
    imageGCLowThresholdPercent: 99,
    evictionHard: {
      "memory.available": "0%",
      "nodefs.available": "0%",
      "nodefs.inodesFree": "0%",
      "imagefs.available": "0%",
      "imagefs.inodesFree": "0%",
    },
    nodeStatusUpdateFrequency: "2s",
    nodeLeaseDurationSeconds: 8,
    serializeImagePulls,
    registryPullQPS: 0,
    kubeAPIQPS: 200,
    kubeAPIBurst: 400,
  });
}

export function proxyConfiguration(node: NodePlan, files: NodeFiles, podNetwork: string): string {
  return JSON.stringify({
    apiVersion: "kubeproxy.config.k8s.io/v1alpha1",
    kind: "KubeProxyConfiguration",
    mode: "nftables",
    clientConnection: { kubeconfig: files.proxyKubeconfig },
    clusterCIDR: podNetwork,
    hostnameOverride: node.name,
    oomScoreAdj: 0,
    // The limits of connection tracking are the machine's, not a namespace's: they are left as they are.
    conntrack: { maxPerCore: 0, min: 0 },
  });
}
