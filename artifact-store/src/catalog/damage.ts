import type { BlobKey } from "../blobs/index.ts";
import type { Digest } from "../digest/index.ts";
import type { Catalog } from "./schema.ts";

/**
 * Notes that the bytes of a blob are not right, if they lie where they were read and nobody has noted it before.
 * @returns whether this call did it
 */
export async function markDamaged(
  tx: Catalog,
  blob: { readonly digest: Digest; readonly key: BlobKey },
  now: number,
): Promise<boolean> {
  const marked = await tx
    .updateTable("store_blobs")
    .set({ damaged_at: now })
    .where("digest", "=", blob.digest)
    .where((is) => (blob.key === blob.digest ? is("storage_key", "is", null) : is("storage_key", "=", blob.key)))
    .where("damaged_at", "is", null)
    .returning("digest")
    .executeTakeFirst();
  return marked !== undefined;
}
