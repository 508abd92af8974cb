/** A program that is built with Go: what, out of which package, with which linker flags. */
interface GoProgram {
  readonly name: string;
  /** As `go build` takes it: `./kube`, or the main package of a dependency. */
  readonly package: string;
  readonly linkerFlags: readonly string[];
  /** Build constraints: what is left out. */
  readonly tags?: readonly string[];
}

/** Programs that share a go.mod, and with it one version of each dependency. */
export interface GoModule {
  readonly name: string;
  readonly programs: readonly GoProgram[];
  /** Built in the user's own Go caches: other tests leave most of its packages there, compiled by the same flags (`goTool`). */
  readonly inUsersCache?: true;
}

const kubernetesVersion = "1.34.4";
const helmVersion = "3.19.5";
const containerdVersion = "2.2.9";
export const containerdNames = ["containerd", "containerd-shim-runc-v2", "ctr"] as const;
const [major, minor] = kubernetesVersion.split(".");
/** Without symbol table and debug information: a third of the size. */
const stripped = ["-s", "-w"];
const set = (variable: string, value: string | undefined): string[] => ["-X", `${variable}=${value}`];

/** Left out, `kubectl version` and the node's `status.nodeInfo` would say v0.0.0, and helm's charts would refuse it. */
const kubernetesVersionFlags = ["k8s.io/component-base/version", "k8s.io/client-go/pkg/version"].flatMap((name) => [
  ...set(`${name}.gitVersion`, `v${kubernetesVersion}`),
  ...set(`${name}.gitMajor`, major),
  ...set(`${name}.gitMinor`, minor),
  ...set(`${name}.gitTreeState`, "clean"),
]);
/** What `helm template` and `helm lint` take the cluster's version to be when they cannot ask one. */
const helmVersionFlags = [
  ...set("helm.sh/helm/v3/internal/version.version", `v${helmVersion}`),
  ...["lint/rules", "chartutil"].flatMap((name) => [
    ...set(`helm.sh/helm/v3/pkg/${name}.k8sVersionMajor`, major),
    ...set(`helm.sh/helm/v3/pkg/${name}.k8sVersionMinor`, minor),
  ]),
];

/** The small one first: what is wrong with Go itself shows in a second. */
export const modules: readonly GoModule[] = [
  {
    name: "programs",
    programs: ["pause", "web", "certificates"].map((name) => ({
      name,
      package: `./${name}`,
      linkerFlags: stripped,
    })),
  },
  {
    name: "kubernetes",
    programs: [
      { name: "kube", package: "./kube", linkerFlags: [...stripped, ...kubernetesVersionFlags] },
      { name: "helm", package: "helm.sh/helm/v3/cmd/helm", linkerFlags: [...stripped, ...helmVersionFlags] },
      { name: "coredns", package: "./coredns", linkerFlags: stripped },
    ],
  },
  {
    name: "containerd",
    inUsersCache: true,
    programs: containerdNames.map((name) => ({
      name,
      package: `github.com/containerd/containerd/v2/cmd/${name}`,
      linkerFlags: [...stripped, ...set("github.com/containerd/containerd/v2/version.Version", containerdVersion)],
      // Snapshotters that no test uses; devmapper and btrfs would want C.
      tags: ["no_btrfs", "no_devmapper", "no_zfs"],
    })),
  },
];

export const programNames = ["pause", "web", "certificates", "kube", "helm", "coredns"] as const;
export type ProgramName = (typeof programNames)[number];
