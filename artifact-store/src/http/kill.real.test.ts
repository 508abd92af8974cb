import { describe } from "vitest";
import { bucketPlace, folderPlace, lacksCeph } from "../testing/index.ts";
import { describePushKills } from "./kill.suite.ts";

describe("kill -9 during pushes", () => {
  describePushKills(folderPlace, 30);
  describe.skipIf(lacksCeph())("with blobs on Ceph RGW", () => {
    describePushKills(bucketPlace, 30);
  });
});
