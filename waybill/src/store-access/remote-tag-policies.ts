import type { TagPolicy, TagVerdict } from "@waybill/artifact-store";
import type { TagPolicyAccess } from "./contract.ts";
import type { Call } from "./http-client.ts";
import { nameIn } from "./paths.ts";

/** Tag policies through `/api/v1/tag-policies`. */
export function remoteTagPolicies(
  json: <T>(call: Omit<Call, "expected">) => Promise<T>,
  done: (method: string, path: string, expected: readonly number[]) => Promise<void>,
): TagPolicyAccess {
  const pathOf = (name: string): string => `/api/v1/tag-policies/${encodeURIComponent(name)}`;
  return {
    list: async () => (await json<{ items: TagPolicy[] }>({ method: "GET", path: "/api/v1/tag-policies" })).items,
    put: ({ name, ...policy }) => json<TagPolicy>({ method: "PUT", path: pathOf(name), json: policy }),
    remove: (name) => done("DELETE", pathOf(name), [204]),
    async judge(repository) {
      const path = `/api/v1/repositories/${nameIn(repository)}/tag-verdicts`;
      return (await json<{ items: TagVerdict[] }>({ method: "GET", path })).items;
    },
  };
}
