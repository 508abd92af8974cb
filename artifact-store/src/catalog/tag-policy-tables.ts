/** Rules for tags, by name. */
export interface TagPolicyTables {
  store_tag_policies: {
    name: string;
    matching: string;
    /** `TagRules` as JSON. */
    rules: string;
  };
}

export const tagPolicies = `
    create table store_tag_policies (
      name text primary key,
      matching text not null,
      rules text not null
    )`;
