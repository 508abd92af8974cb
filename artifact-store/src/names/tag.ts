import { StoreError } from "../errors/index.ts";

/** A checked tag. */
export type Tag = string & { readonly __brand: "Tag" };

const pattern = /^[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}$/;

/** OCI Distribution Spec 1.1, "Pulling manifests". @throws StoreError TAG_INVALID */
export function parseTag(text: string): Tag {
  if (!pattern.test(text)) {
    throw new StoreError(
      "TAG_INVALID",
      `${JSON.stringify(text.slice(0, 140))} is no tag: up to 128 letters, digits, . _ and -, and the first is no . or -`,
    );
  }
  return text as Tag;
}
