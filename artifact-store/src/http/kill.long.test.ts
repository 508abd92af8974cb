import { describe } from "vitest";
import { bucketPlace, folderPlace, lacksCeph } from "../testing/index.ts";
import { describePushKills } from "./kill.suite.ts";

describe("kill -9 during pushes, two hundred times", () => {
  describePushKills(folderPlace, 200);
  describe.skipIf(lacksCeph())("with blobs on Ceph RGW", () => {
    describePushKills(bucketPlace, 200);
  });
});
