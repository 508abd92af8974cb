/** What can go wrong in the store, by code. No HTTP here: a door decides how each code is told. */
export { StoreError, type StoreErrorCode } from "./store-error.ts";
