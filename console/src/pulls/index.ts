/**
 * The Pulls page: what is being pulled, where, how fast, who waits and why. What decides (order, filter, summary, time
 * left, advice, geometry) is plain functions on plain data; the components only draw.
 */
export { readSearch } from "./filter.ts";
export { PullsPage } from "./pulls-page.tsx";
