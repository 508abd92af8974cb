import { userInfo } from "node:os";
import { Readable } from "node:stream";
import { StoreError, type ByteSource, type Digest, type RepositoryName, type Store } from "@waybill/artifact-store";
import {
  deadLetterOf,
  detailsOf,
  listingOf,
  packageOf,
  planOf,
  recordOf,
  rulesOf,
  simulationOf,
  tagPolicyOf,
  tombstoneOf,
  uploadOf,
  verdictOf,
  webhookOf,
} from "@waybill/artifact-store/http";
import { UserError } from "@waybill/foundation/errors";
import { BusyError, NotFoundError, OvertakenError, UnsoundError } from "../errors/index.ts";
import type { Page, PageAsked, Reference, StoreAccess } from "../store-access/index.ts";

/** A store that this process has open. Who acts is the user of this machine. */
export function localAccess(
  opened: { readonly store: Store; close(): Promise<void> },
  place: string,
  holder: string = userInfo().username,
): StoreAccess {
  const { store } = opened;
  const { retention } = store;

  const digestOf = async (repository: RepositoryName, reference: Reference): Promise<Digest> =>
    "digest" in reference ? reference.digest : (await store.manifests.look(repository, reference)).digest;
  const show = async (repository: RepositoryName, digest: Digest) =>
    recordOf(repository, digest, await retention.show(repository, digest));
  /** A change of what keeps a manifest, then its record. */
  const changed = async (
    repository: RepositoryName,
    reference: Reference,
    change: (digest: Digest) => Promise<unknown>,
  ) => {
    const digest = await digestOf(repository, reference);
    await change(digest);
    return await show(repository, digest);
  };

  type Kind = "hold" | "pin";
  const placing =
    (kind: Kind): StoreAccess["retention"]["hold"] =>
    (repository, reference, { name, why }) =>
      changed(repository, reference, (digest) => retention[kind](repository, digest, { name, holder, why }));
  const ending =
    (kind: Kind): StoreAccess["retention"]["release"] =>
    async (repository, reference, name) => {
      const digest = await digestOf(repository, reference);
      if (await retention[kind === "pin" ? "unpin" : "release"](repository, digest, name)) return;
      throw new NotFoundError(`${repository}@${digest} has no ${kind} ${name}`);
    };

  return told({
    place,
    content: {
      repositories: async (page) => {
        const { repositories, more } = await store.repositories.list({
          ...paged(page, (after) => ({ after: after as RepositoryName })),
        });
        const items = repositories.map((name) => ({ name }));
        return pageOf(items, more, items.at(-1)?.name);
      },
      manifests: async (repository, page) => {
        const { manifests, more } = await store.manifests.list(
          repository,
          paged(page, (after) => ({ after })),
        );
        const items = manifests.map(listingOf);
        return pageOf(items, more, items.at(-1)?.digest);
      },
      tombstones: async (repository, { cursor, limit }) => {
        const after = cursor === undefined ? "" : Buffer.from(cursor, "base64url").toString("utf8");
        const rows = await retention.tombstones(repository, { limit: limit + 1, after });
        const items = rows.slice(0, limit).map(tombstoneOf);
        return pageOf(items, rows.length > limit, items.at(-1)?.digest);
      },
      look: async (repository, reference) => detailsOf(repository, await store.manifests.look(repository, reference)),
      manifest: async (repository, reference) => {
        const { digest, mediaType, content } = await store.manifests.get(repository, reference);
        return { digest, mediaType, content };
      },
      putManifest: async (repository, { content, mediaType, tags = [] }) =>
        (
          await store.manifests.put(repository, content, {
            tags,
            ...(mediaType === undefined ? {} : { contentType: mediaType }),
          })
        ).digest,
      blobSize: async (repository, digest) =>
        await orUndefined(store.blobs.stat(repository, digest).then(({ size }) => size)),
      openBlob: async (repository, digest, start) => {
        const { reader, size } = await store.blobs.open(repository, digest);
        if (start > 0 && start < size) return reader.stream({ start, end: size - 1 });
        if (start === 0) return reader.stream();
        await reader.close();
        return Readable.from([]);
      },
    },
    uploads: {
      start: async (repository) => await store.uploads.start(repository),
      status: async (repository, id) => await orUndefined(store.uploads.status(repository, id)),
      append: async (repository, id, { source, offset, length }) =>
        await store.uploads.append(repository, id, sourceOf(source, length), offset),
      finish: async (repository, id, digest) => void (await store.uploads.finish(repository, id, digest)),
      put: async (repository, bytes, digest) => {
        await store.blobs.put(repository, { chunks: chunksOf(bytes), length: bytes.byteLength }, digest);
      },
      list: async (page) => {
        const { uploads, more } = await store.uploads.list(paged(page, (after) => ({ after })));
        const items = uploads.map(uploadOf);
        return pageOf(items, more, items.at(-1)?.id);
      },
      cancel: async (id) => await store.uploads.cancel(await store.uploads.repositoryOf(id), id),
    },
    retention: {
      show: async (repository, reference) => await show(repository, await digestOf(repository, reference)),
      eligibility: async (repository, reference, at) => {
        const digest = await digestOf(repository, reference);
        const when = at === undefined ? Date.now() : Date.parse(at);
        return verdictOf(repository, digest, when, await retention.eligibility(repository, digest, when));
      },
      hold: placing("hold"),
      release: ending("hold"),
      pin: placing("pin"),
      unpin: ending("pin"),
      extend: (repository, reference, { until, why }) =>
        changed(repository, reference, (digest) =>
          retention.extend(repository, digest, { until: Date.parse(until), holder, why }),
        ),
      classify: (repository, reference, name) =>
        changed(repository, reference, (digest) => retention.classify(repository, digest, name)),
      classOf: async (repository) => ({ name: repository, class: (await retention.classOf(repository)).name }),
      useClass: async (repository, name) => {
        await retention.useClass(repository, name);
        return { name: repository, class: name };
      },
      classes: async () => (await retention.classes()).map(rulesOf),
      defineClass: async (rules) => {
        await retention.defineClass(rules);
        return rules;
      },
      removeClass: async (name) => {
        if (await retention.removeClass(name)) return;
        throw new NotFoundError(`there is no class ${JSON.stringify(name)}`);
      },
    },
    collection: {
      plan: async () => planOf(await store.collection.plan({ everywhere: true })),
      run: async (onStep, signal) =>
        planOf(await store.collection.run({ everywhere: true, signal, onProgress: ({ last }) => onStep(last) })),
      savePlan: () => store.collection.savePlan(),
      applyPlan: async (plan, onStep, signal) =>
        planOf(await store.collection.applyPlan(plan, { signal, onProgress: ({ last }) => onStep(last) })),
      audit: (onProgress, signal) => store.collection.audit({ onProgress, signal }),
      simulate: async (at, policy, signal) => {
        const asked = { at: Date.parse(at), signal };
        return simulationOf(await store.collection.simulate(policy === undefined ? asked : { ...asked, policy }));
      },
    },
    tagPolicies: {
      list: async () => (await store.tagPolicies.list()).map(tagPolicyOf),
      put: async (policy) => tagPolicyOf(await store.tagPolicies.put(policy)),
      remove: async (name) => {
        if (await store.tagPolicies.remove(name)) return;
        throw new NotFoundError(`there is no tag policy ${JSON.stringify(name)}`);
      },
      judge: async (repository) => {
        await store.tags.list(repository, { limit: 1 }); // says that there is no such repository
        return await store.tagPolicies.judge(repository);
      },
    },
    packages: {
      open: async (asked) => packageOf(await store.packages.open(asked)),
      get: async (id) => await orUndefined(store.packages.get(id).then(packageOf)),
      files: (id, page) => store.packages.files(id, page),
      addFile: async (id, { path, digest }) => void (await store.packages.addFile(id, path, digest)),
      seal: async (id) => packageOf(await store.packages.seal(id)),
      find: async ({ deleted, ...asked }) => {
        const states = deleted === true ? { states: ["deleted"] as const } : {};
        const { items, nextCursor } = await store.packages.find({ ...asked, ...states });
        return { items: items.map(packageOf), ...(nextCursor === undefined ? {} : { nextCursor }) };
      },
    },
    webhooks: {
      list: async () => (await store.webhooks.list()).map(webhookOf),
      get: async (id) => webhookOf(await store.webhooks.get(id)),
      add: async (asked) => {
        const made = await store.webhooks.subscribe({ ...asked, createdBy: holder });
        return { ...webhookOf(made), secret: made.secret };
      },
      remove: (id) => store.webhooks.remove(id),
      deadLetters: async (id, before) =>
        (await store.webhooks.deadLetters(id, before === undefined ? {} : { before })).map(deadLetterOf),
      redeliver: (id, number) => store.webhooks.redeliver(id, number),
    },
    close: () => opened.close(),
  });
}

function paged<T>({ cursor, limit }: PageAsked, after: (name: string) => T): { readonly limit: number } & Partial<T> {
  const rest: Partial<T> = cursor === undefined ? {} : after(Buffer.from(cursor, "base64url").toString("utf8"));
  return { limit, ...rest };
}

function pageOf<T>(items: readonly T[], more: boolean, last: string | undefined): Page<T> {
  return { items, ...(more && last !== undefined ? { nextCursor: Buffer.from(last).toString("base64url") } : {}) };
}

function sourceOf(source: Readable, length: number): ByteSource {
  return { chunks: source as AsyncIterable<Uint8Array>, length };
}

async function* chunksOf(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

async function orUndefined<T>(promise: Promise<T>): Promise<T | undefined> {
  try {
    return await promise;
  } catch (error) {
    if (error instanceof StoreError && error.code.endsWith("_UNKNOWN")) return undefined;
    throw error;
  }
}

/** The store's errors in the words of the command line. */
function asUserError(error: unknown): unknown {
  if (!(error instanceof StoreError)) return error;
  if (error.code.endsWith("_UNKNOWN") && error.code !== "MANIFEST_BLOB_UNKNOWN") {
    return new NotFoundError(error.message, undefined, { cause: error });
  }
  if (error.code === "PLAN_OVERTAKEN") return new OvertakenError(error.message, undefined, { cause: error });
  if (error.code === "BLOB_DAMAGED") return new UnsoundError(error.message, undefined, { cause: error });
  if (error.code === "UPLOAD_BUSY") return new BusyError(error.message, "Try again in a moment.", { cause: error });
  return new UserError(error.message, undefined, { cause: error });
}

/** `access` with every method's errors told so. */
function told(access: StoreAccess): StoreAccess {
  const wrapped = <T extends object>(part: T): T =>
    new Proxy(part, {
      get(target, name, receiver): unknown {
        const method: unknown = Reflect.get(target, name, receiver);
        if (typeof method !== "function") return method;
        return async (...args: unknown[]): Promise<unknown> => {
          try {
            return await (method as (...all: unknown[]) => unknown).apply(target, args);
          } catch (error) {
            throw asUserError(error);
          }
        };
      },
    });
  return {
    ...access,
    content: wrapped(access.content),
    uploads: wrapped(access.uploads),
    retention: wrapped(access.retention),
    collection: wrapped(access.collection),
    tagPolicies: wrapped(access.tagPolicies),
    packages: wrapped(access.packages),
    webhooks: wrapped(access.webhooks),
  };
}
