import { describe } from "vitest";
import { bucketPlace, folderPlace, lacksCeph } from "../testing/index.ts";
import { describeCollectionKills } from "./collection-kill.suite.ts";
import { describeLoad } from "./collection-load.suite.ts";

const halfAnHour = 30 * 60;

describe("half an hour beside a collection that never pauses", () => {
  describeLoad("sqlite", folderPlace, halfAnHour);
  describe.skipIf(lacksCeph())("with blobs on Ceph RGW", () => {
    describeLoad("sqlite", bucketPlace, halfAnHour);
  });
});

describe("kill -9, two hundred times", () => {
  describeCollectionKills(folderPlace, 200);
  describe.skipIf(lacksCeph())("with blobs on Ceph RGW", () => {
    describeCollectionKills(bucketPlace, 200);
  });
});
