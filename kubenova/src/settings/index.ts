/** What the manager can be told from outside: names, defaults and meanings, and nothing of the program that works by them. */
export { managerSettings } from "./manager.ts";
