/**
 * What the store tells the world, each line written in the transaction of the change it tells of. The log itself
 * (numbers, reading, tailing) is foundation's; here is what the lines say.
 */
export { eventOf, storeEventStream, type PackageFacts, type StoreEvent } from "./event.ts";
