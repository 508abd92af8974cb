/** What everything that listens has in common: its addresses, its health, who may come in, and the page. */
export { authenticatorOf, tokenAuthorityOf } from "./entrance.ts";
export { exposureNote, exposureOf, type Exposure } from "./exposure.ts";
export { pageFolder, pageGroup } from "./page.ts";
export { listen, startService, type RunningService } from "./service.ts";
