/**
 * The answers: why a pull is slow, when it will be over, how far an image's rollout is, what it would take on a node
 * that has nothing of it. Pure functions on what readers see (the contract's words) and on the speeds that were learned
 * of a node and of all nodes; where the data supports no answer there is none.
 */
export { causeOf, slowPart } from "./cause.ts";
export { coldStartOf } from "./cold-start.ts";
export { explainFailure } from "./failure.ts";
export { limitedTryCause } from "./limit-cause.ts";
export { serialQueueCause } from "./queue-cause.ts";
export { rolloutsOf } from "./rollout.ts";
export { withoutSecrets } from "./secrets.ts";
export { codecOf, fadedBest, learnLink, learnUnpack, nothingLearned, type Codec, type Speeds } from "./speeds.ts";
export { steadyEnd, timesLeft } from "./time-left.ts";
