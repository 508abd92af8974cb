import { describe } from "vitest";
import { bucketPlace, lacksCeph } from "../testing/index.ts";
import { describeDamage } from "./damage.suite.ts";

describeDamage("postgres");

describe.skipIf(lacksCeph())("with its blobs on Ceph RGW", () => {
  describeDamage("sqlite", bucketPlace);
});
