/** The Nodes page: what each node takes in, how many pulls it has, and whether its agent still speaks. */
export { NodesPage } from "./nodes-page.tsx";
export { readNodesSearch } from "./node-rows.ts";
