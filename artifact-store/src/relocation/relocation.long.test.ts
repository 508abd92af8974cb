import { describe } from "vitest";
import { lacksCeph } from "../testing/index.ts";
import { describeMoveKills } from "./relocation.suite.ts";

describe.skipIf(lacksCeph())("moving the blobs of a store that serves, two hundred kills", () => {
  describeMoveKills(200);
});
