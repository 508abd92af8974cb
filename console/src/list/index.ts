/**
 * A list of very many rows: only those near the screen exist, the keyboard walks through all of them, and nothing moves
 * while somebody reads.
 */
export { useHeldOrder } from "./held-order.ts";
export { TextField } from "./text-field.tsx";
export { type RowsHandle, VirtualRows } from "./virtual-rows.tsx";
