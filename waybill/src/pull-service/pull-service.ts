import type { SettingsOf } from "@waybill/foundation/config";
import { createRegistry, type Logger } from "@waybill/foundation/telemetry";
import { createPullServer, openPullState } from "@waybill/pulltrace/server";
import { UserError } from "@waybill/foundation/errors";
import {
  authenticatorOf,
  exposureOf,
  listen,
  pageGroup,
  startService,
  tokenAuthorityOf,
  type RunningService,
} from "../service/index.ts";
import type { pullServiceSettings } from "../settings/index.ts";
import { agentIdentityOf } from "./agent-identity.ts";
import { podSourceOf } from "./pod-source.ts";
import { sessionGroup } from "./session.ts";

export interface RunningPullService extends RunningService {
  /** Where agents may report, too, when reports have an address of their own. */
  readonly reportUrl?: string;
}

/**
 * The pull server and its page alone. Its contract has it listen on every interface without callers proving who they
 * are, so it does not refuse to; it keeps warning instead.
 */
export async function startPullService(
  settings: SettingsOf<typeof pullServiceSettings>,
  log: Logger,
): Promise<RunningPullService> {
  const authenticated = settings.requireAuth || settings.signingKey !== undefined;
  if (authenticated && settings.signingKey === undefined) {
    throw new UserError(
      "KUBENOVA_REQUIRE_AUTH needs JWT_SIGNING_KEY here",
      "The pull server keeps no keys on disk: give it the key that the manager signs tokens with.",
    );
  }
  const exposure = exposureOf({ http: settings.httpAddress, authenticated, allowOpen: true });
  await using stack = new AsyncDisposableStack();
  const registry = createRegistry({ processMetrics: true });
  const identity = await agentIdentityOf(settings);
  if (identity !== undefined) stack.defer(() => identity.close());
  const pods = await podSourceOf(settings, log);
  if (pods !== undefined) stack.defer(() => pods.close());
  const { stateDir, historyTtlMs } = settings;
  const state = stateDir === undefined ? undefined : await openPullState({ folder: stateDir, historyTtlMs, log });
  if (state !== undefined) stack.defer(() => state.close());
  const pulls = createPullServer({
    historyTtlMs,
    ...(state === undefined ? {} : { state }),
    limits: { streamsPerClient: settings.streamsPerClient, requestsPerClient: settings.requestsPerClient },
    trustedProxies: settings.trustedProxies,
    ...(identity === undefined ? {} : { agents: identity.agents }),
    ...(identity !== undefined || settings.agentToken === undefined ? {} : { agentToken: settings.agentToken }),
    ...(pods === undefined ? {} : { pods }),
    log,
    registry,
  });
  stack.defer(() => pulls.close());
  const { reportAddress } = settings;
  const reports =
    reportAddress === undefined
      ? undefined
      : await listen("--report-addr", () =>
          pulls.takeReportsAt(reportAddress, { hostGuard: exposure === "open on loopback" }),
        );
  if (reports !== undefined) {
    stack.defer(() => reports.close());
    log.info({ url: reports.url }, "agents' reports are taken at an address of their own");
  }
  const page = await pageGroup();
  const authenticator = authenticatorOf(await tokenAuthorityOf(settings));
  const service = await startService({
    groups: [
      pulls.group,
      ...(authenticated ? [sessionGroup(authenticator)] : []),
      ...(page === undefined ? [] : [page]),
    ],
    checks: [
      pulls.health,
      ...(reports === undefined ? [] : [reports.health]),
      ...(pods === undefined ? [] : [pods.health]),
    ],
    authenticator,
    exposure,
    http: settings.httpAddress,
    metrics: settings.metricsAddress,
    registry,
    log,
  });
  stack.defer(() => service.close());
  const everything = stack.move();
  return {
    ...service,
    ...(reports === undefined ? {} : { reportUrl: reports.url }),
    close: () => everything.disposeAsync(),
  };
}
