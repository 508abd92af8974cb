/** What tests of the store use: a server in a process of its own, a client that speaks plain HTTP, images on disk. */
export { startStoreServer } from "./store-server.ts";
export { registryClient, type RegistryClient, type PushableBlob, blobOfSize } from "./registry-client.ts";
export { CephCluster } from "./ceph.cluster.ts";
export { cephBucket, killSpareGateway, lacksCeph, startSpareGateway, type CephBucket } from "./ceph.ts";
export { busyGateway, type BusyGateway } from "./busy-gateway.ts";
export { heedlessGateway, laggingGateway } from "./odd-gateways.ts";
export { bucketPlace, folderPlace, type TestPlace } from "./place.ts";
export { lacksMount, smallDisk } from "./small-disk.ts";
export { writeImageLayout } from "./image-layout.ts";
export { countedDatabase } from "./counted-database.ts";
export { errorOf, openDoor, type Who } from "./door.ts";
export { unpackRun, type RecordedRun } from "./run-folder.ts";
export { startStateHub } from "./state-hub.ts";
