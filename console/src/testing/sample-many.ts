import type { PullStatus } from "@waybill/pulltrace/contract";
import { sampleLayer, samplePods, samplePull } from "./sample-pulls.ts";

const registry = "registry.eu-central.example.com:5000";

/** Many rows: three quarters running, the others finished. */
export function manyPulls(count: number, now: number): PullStatus[] {
  return Array.from({ length: count }, (_, at) => {
    const finished = at % 4 === 3;
    const share = ((at * 37) % 90) / 100;
    const image = `${registry}/tenant-${at % 40}/service-${at % 900}:1.${at % 50}.${at % 7}`;
    return samplePull(
      {
        id: `many-${at}`,
        node: `node-${String(at % 1000).padStart(4, "0")}`,
        image,
        phase: finished ? "done" : "downloading",
        tenant: `tenant-${at % 40}`,
        began: 30 + (at % 600),
        ...(finished ? { ended: 20 + (at % 25) } : { eta: 20 + (at % 100) }),
        pods: at % 3 === 0 ? samplePods(`tenant-${at % 40}`, `service-${at % 900}`, 1, image) : [],
        layers: [
          sampleLayer(28, 1, "cached", { content: "debian" }),
          sampleLayer(60 + (at % 300), finished ? 1 : share, finished ? "done" : "downloading", {
            speed: finished ? 0 : 4 * 1024 ** 2,
          }),
          sampleLayer(12, finished ? 1 : 0, finished ? "done" : "waiting"),
        ],
      },
      now,
    );
  });
}
