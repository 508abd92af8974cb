import { describe } from "vitest";
import { bucketPlace, folderPlace, lacksCeph } from "../testing/index.ts";
import { describeDamageKills } from "./damage-kill.suite.ts";

describe("kill -9 beside damaged blobs", () => {
  describeDamageKills(folderPlace, 12);
  describe.skipIf(lacksCeph())("with blobs on Ceph RGW", () => {
    describeDamageKills(bucketPlace, 6);
  });
});
