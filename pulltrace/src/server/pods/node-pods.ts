import type { AgentReport, PodReference, ReportedPull } from "../../contract/index.ts";
import { isEnd } from "../pull.ts";
import type { NodePods } from "./contract.ts";
import { readImageName, sameRepository } from "./image-name.ts";
import { matchNeeds, type ImageNeed } from "./image-need.ts";
import type { NodeRows, WaitingRow } from "./waiting-rows.ts";

const nobody: readonly PodReference[] = [];

/** What pods say about the pulls of one report. */
export function nodePods(report: AgentReport, needs: readonly ImageNeed[], rows: NodeRows): NodePods {
  const going = report.pulls.filter(({ phase }) => phase === undefined || !isEnd(phase));
  const needOf = matchNeeds(needs, going);
  const waiting = [...rows.open.values()].filter(({ pull }) => pull.status.phase === "waiting");
  const taken = new Map<ReportedPull, WaitingRow>();
  const isTaken = (row: WaitingRow): boolean => [...taken.values()].includes(row);

  const rowFor = (reported: ReportedPull): WaitingRow | undefined => {
    const need = needOf.get(reported);
    if (need !== undefined) return waiting.find(({ image }) => image === need.image);
    // A pull that was over before it was reported: only if it ended after the wait began.
    if (reported.phase === undefined || !isEnd(reported.phase)) return undefined;
    const name = readImageName(reported.imageRef);
    const ended = Date.parse(reported.completedAt ?? "");
    return waiting.find(
      ({ image, pull }) =>
        name !== undefined && image === canonical(reported) && ended >= Date.parse(pull.status.startedAt),
    );
  };

  return {
    *failed() {
      for (const { pull } of rows.open.values()) if (pull.status.phase === "failed") yield pull.status;
      for (const { status } of rows.ended.values()) if (status.phase === "failed") yield status;
    },
    nameOf(reported, known) {
      const name = readImageName(reported.imageRef);
      if (name === undefined || name.digest === undefined || name.tag !== undefined) return reported.imageRef;
      const wanted = needOf.get(reported)?.name;
      if (wanted?.tag !== undefined) return `${wanted.host}/${wanted.repository}:${wanted.tag}`;
      const before = known === undefined ? undefined : readImageName(known);
      return before?.tag !== undefined && sameRepository(before, name) ? (known ?? "") : reported.imageRef;
    },
    adopt(reported) {
      const row = rowFor(reported);
      if (row === undefined || isTaken(row)) return undefined;
      taken.set(reported, row);
      return row.pull;
    },
    waitingFor(reported) {
      if (reported.phase !== undefined && isEnd(reported.phase)) return taken.get(reported)?.pull.status.pods ?? nobody;
      return needOf.get(reported)?.pods ?? nobody;
    },
  };
}

function canonical({ imageRef }: ReportedPull): string {
  const name = readImageName(imageRef);
  if (name === undefined) return imageRef;
  return `${name.host}/${name.repository}${name.tag === undefined ? "" : `:${name.tag}`}${name.digest === undefined ? "" : `@${name.digest}`}`;
}
