/** Who may make which call: one table, and the pure rules that read it. */
export { decide } from "./decide.ts";
export { mayIssue } from "./issuing.ts";
export { roleTable, type RoleRow } from "./role-table.ts";
