import { useQuery } from "@tanstack/react-query";
import type { ColdStart, ImageRollout, NodeStatus } from "@waybill/pulltrace/contract";
import { createContext, type ReactNode, useContext, useEffect, useSyncExternalStore } from "react";
import type { Feed, FeedSnapshot } from "./feed.ts";
import { fetchColdStart, fetchNodes, fetchRollout } from "./requests.ts";

const FeedContext = createContext<Feed | undefined>(undefined);

/** Runs the feed while the page stands. */
export function FeedProvider({ feed, children }: { feed: Feed; children: ReactNode }) {
  useEffect(() => {
    feed.start();
    const timer = setInterval(() => feed.tick(), 1000);
    return () => {
      clearInterval(timer);
      feed.stop();
    };
  }, [feed]);
  return <FeedContext value={feed}>{children}</FeedContext>;
}

export function useFeed(): Feed {
  const feed = useContext(FeedContext);
  if (feed === undefined) throw new Error("useFeed stands outside of FeedProvider.");
  return feed;
}

export function useSnapshot(): FeedSnapshot {
  const feed = useFeed();
  return useSyncExternalStore(feed.subscribe, feed.snapshot);
}

/** Nodes, asked for every five seconds while the line is up: events tell pulls only. */
export function useNodes(snapshot: FeedSnapshot): readonly NodeStatus[] {
  const { data } = useQuery({
    queryKey: ["nodes"],
    queryFn: ({ signal }) => fetchNodes((url, init) => fetch(url, init), "", signal),
    enabled: snapshot.connection.kind === "live",
    refetchInterval: 5000,
    retry: false,
  });
  return data ?? snapshot.nodes;
}

/** What the image takes on a cold node. What the server has learned of speeds changes slowly: it is asked once a minute. */
export function useColdStart(imageRef: string): ColdStart | undefined {
  const { data } = useQuery({
    queryKey: ["cold-start", imageRef],
    // Undefined is no answer that a query may keep.
    queryFn: async ({ signal }) =>
      (await fetchColdStart((url, init) => fetch(url, init), "", imageRef, signal)) ?? null,
    staleTime: 60_000,
    refetchInterval: 60_000,
    retry: false,
  });
  return data ?? undefined;
}

/** How far the roll-out is by the server's word, asked every five seconds. */
export function useRollout(imageRef: string): ImageRollout | undefined {
  const { data } = useQuery({
    queryKey: ["rollout", imageRef],
    // Undefined is no answer that a query may keep.
    queryFn: async ({ signal }) => (await fetchRollout((url, init) => fetch(url, init), "", imageRef, signal)) ?? null,
    refetchInterval: 5000,
    retry: false,
  });
  return data ?? undefined;
}

let lastFrame = 0;
/** People do not read faster than this, and half a core is enough (ms). */
const betweenDraws = 100;

/** Once per frame, not faster than the eye; in a hidden page, where frames stop, once per second. */
export function frameSchedule(draw: () => void): void {
  if (document.hidden) {
    setTimeout(draw, 1000);
    return;
  }
  const wait = Math.max(0, lastFrame + betweenDraws - performance.now());
  setTimeout(() => {
    // A page hidden meanwhile gets no frame: the timer draws then.
    const fallback = setTimeout(run, 1000);
    const frame = requestAnimationFrame(run);
    function run(): void {
      clearTimeout(fallback);
      cancelAnimationFrame(frame);
      lastFrame = performance.now();
      draw();
    }
  }, wait);
}
