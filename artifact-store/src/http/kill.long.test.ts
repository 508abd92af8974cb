import { describe } from "vitest";
import { bucketPlace, folderPlace, lacksCeph } from "../testing/index.ts";
import { describeDamageKills } from "./damage-kill.suite.ts";
import { describePushKills } from "./kill.suite.ts";

describe("kill -9 during pushes, two hundred times", () => {
  describePushKills(folderPlace, 200);
  describe.skipIf(lacksCeph())("with blobs on Ceph RGW", () => {
    describePushKills(bucketPlace, 200);
  });
});

describe("kill -9 beside damaged blobs, two hundred times", () => {
  describeDamageKills(folderPlace, 200);
  describe.skipIf(lacksCeph())("with blobs on Ceph RGW", () => {
    describeDamageKills(bucketPlace, 200);
  });
});
