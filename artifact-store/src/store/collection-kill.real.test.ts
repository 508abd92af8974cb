import { describe } from "vitest";
import { bucketPlace, folderPlace, lacksCeph } from "../testing/index.ts";
import { describeCollectionKills } from "./collection-kill.suite.ts";

describe("kill -9", () => {
  describeCollectionKills(folderPlace, 30);
  describe.skipIf(lacksCeph())("with blobs on Ceph RGW", () => {
    describeCollectionKills(bucketPlace, 8);
  });
});
