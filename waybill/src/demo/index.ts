/**
 * The demonstration: sample images are pushed into the store and pulled by a containerd of its own over a link that is
 * slow enough to watch. Everything it starts ends with it, and everything it writes is in the data folder. Where no
 * containerd can be had, a recording of a real pull is replayed, marked as one.
 */
export { runDemo } from "./demo.ts";
