import { describe } from "vitest";
import { bucketPlace, lacksCeph } from "../testing/index.ts";
import { describeCollection } from "./collection.suite.ts";
import { describeStore } from "./store.suite.ts";

describe.skipIf(lacksCeph())("with its blobs on Ceph RGW", () => {
  describeStore("sqlite", bucketPlace);
  describeCollection("sqlite", bucketPlace);
});
