import { describe } from "vitest";
import { bucketPlace, folderPlace, lacksCeph } from "../testing/index.ts";
import { describeMemory } from "./memory.suite.ts";

describe("memory", () => {
  describeMemory(folderPlace, { pushes: 50, mebibytes: 1024 });
  describe.skipIf(lacksCeph())("with blobs on Ceph RGW", () => {
    // Its objects are in memory, too: what fits there.
    describeMemory(bucketPlace, { pushes: 20, mebibytes: 64 });
  });
});
