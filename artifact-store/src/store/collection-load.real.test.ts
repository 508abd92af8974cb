import { describe } from "vitest";
import { bucketPlace, folderPlace, lacksCeph } from "../testing/index.ts";
import { describeLoad } from "./collection-load.suite.ts";

describe("a collection that never pauses", () => {
  describeLoad("sqlite", folderPlace, 60);
  describeLoad("postgres", folderPlace, 20);
  describe.skipIf(lacksCeph())("with its blobs on Ceph RGW", () => {
    describeLoad("sqlite", bucketPlace, 30);
  });
});
