/** Pages of the documentation that are made from the program, so that they cannot say something else. */
export { settingsPage } from "./settings-page.ts";
