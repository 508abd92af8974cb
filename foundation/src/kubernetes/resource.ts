/** The parts of the Kubernetes API that are the same for every kind. */

/** `metadata` of an object; only what this project reads. */
export interface ObjectMetadata {
  readonly name?: string;
  readonly generateName?: string;
  readonly namespace?: string;
  readonly uid?: string;
  /** Opaque; to be compared for equality only. */
  readonly resourceVersion?: string;
  readonly generation?: number;
  /** RFC 3339. */
  readonly creationTimestamp?: string;
  /** RFC 3339; set while finalizers hold the object. */
  readonly deletionTimestamp?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly finalizers?: readonly string[];
  readonly ownerReferences?: readonly {
    readonly apiVersion: string;
    readonly kind: string;
    readonly name: string;
    readonly uid: string;
    readonly controller?: boolean;
  }[];
  /** Who wrote which part of the object, and when last (RFC 3339). */
  readonly managedFields?: readonly {
    readonly manager?: string;
    readonly subresource?: string;
    readonly time?: string;
  }[];
}

export interface KubernetesObject {
  readonly apiVersion?: string;
  readonly kind?: string;
  readonly metadata: ObjectMetadata;
}

/** A kind as its path names it. */
export interface ResourceKind {
  /** Empty for the core group. */
  readonly group: string;
  readonly version: string;
  /** `pods`, `deployments` */
  readonly plural: string;
  readonly namespaced: boolean;
}

export const pods: ResourceKind = { group: "", version: "v1", plural: "pods", namespaced: true };
export const events: ResourceKind = { group: "", version: "v1", plural: "events", namespaced: true };

/** Which object or objects of a kind. */
export interface ResourcePlace {
  /** Of a namespaced kind; absent: all namespaces (lists and watches only). */
  readonly namespace?: string;
  readonly name?: string;
  /** `status`, `scale`, `eviction`, `token` */
  readonly subresource?: string;
}

/**
 * Path of an object or a collection.
 * @throws TypeError for a name that would lead elsewhere: empty, `.`, `..`, or with a slash, percent or NUL.
 */
export function pathOf(kind: ResourceKind, place: ResourcePlace): string {
  const parts = kind.group === "" ? ["api", kind.version] : ["apis", kind.group, kind.version];
  if (kind.namespaced && place.namespace !== undefined) parts.push("namespaces", place.namespace);
  parts.push(kind.plural);
  if (place.name !== undefined) parts.push(place.name);
  if (place.subresource !== undefined) parts.push(...place.subresource.split("/"));
  return `/${parts.map(pathPart).join("/")}`;
}

function pathPart(part: string): string {
  // Path segment names of Kubernetes: what its own validation forbids in any name.
  if (part === "" || part === "." || part === ".." || /[/%\0]/.test(part)) {
    throw new TypeError(`${JSON.stringify(part.slice(0, 100))} cannot be part of a path of the Kubernetes API`);
  }
  return encodeURIComponent(part);
}

/** `pods`, `deployments.apps`: as people and RBAC name it. */
export function nameOfKind(kind: ResourceKind): string {
  return kind.group === "" ? kind.plural : `${kind.plural}.${kind.group}`;
}
