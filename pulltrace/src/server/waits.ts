import type { AgentReport, LayerWait, ReportedPull } from "../contract/index.ts";
import { isEnd } from "./pull.ts";

/** What readers see of a pull of the same report that another one waits for: of another tenant's its id only. */
export function waitsIn(
  report: AgentReport,
  idOf: (reported: ReportedPull) => string | undefined,
  tenantOf: (imageRef: string) => string | undefined,
): (reportedId: string, tenant: string | undefined) => LayerWait | undefined {
  const known = new Map<string, { readonly wait: LayerWait; readonly tenant: string | undefined } | undefined>();
  const find = (reportedId: string) => {
    const pull = report.pulls.find(({ id }) => id === reportedId);
    const pullId = pull === undefined || (pull.phase !== undefined && isEnd(pull.phase)) ? undefined : idOf(pull);
    if (pull === undefined || pullId === undefined) return undefined;
    return { wait: { pullId, imageRef: pull.imageRef }, tenant: tenantOf(pull.imageRef) };
  };
  return (reportedId, tenant) => {
    if (!known.has(reportedId)) known.set(reportedId, find(reportedId));
    const other = known.get(reportedId);
    if (other === undefined) return undefined;
    return other.tenant === tenant ? other.wait : { pullId: other.wait.pullId };
  };
}
