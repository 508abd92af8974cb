import { access } from "../auth/index.ts";
import type { RouteGroup } from "./route.ts";

/** One thing that a server needs to do its work. */
export interface HealthCheck {
  /** `store`, `database`, `pulltrace`. */
  readonly name: string;
  /** Tries it for real. Throws when it does not work; a warning means that it works but somebody should look. */
  check(signal: AbortSignal): Promise<void | { readonly warning: string }>;
}

interface CheckResult {
  readonly name: string;
  readonly status: "ok" | "warning" | "failed";
  readonly detail?: string;
}

const checkTimeoutMs = 3000;

async function tryOut(dependency: HealthCheck): Promise<CheckResult> {
  const { name } = dependency;
  const signal = AbortSignal.timeout(checkTimeoutMs);
  const late = new Promise<never>((_, reject) => {
    signal.addEventListener("abort", () => reject(new Error(`gave no answer within ${checkTimeoutMs} ms`)), {
      once: true,
    });
  });
  try {
    const outcome = await Promise.race([dependency.check(signal), late]);
    return outcome === undefined ? { name, status: "ok" } : { name, status: "warning", detail: outcome.warning };
  } catch (error) {
    return { name, status: "failed", detail: error instanceof Error ? error.message : "failed" };
  }
}

/**
 * `/healthz`: this process answers (a supervisor should restart it when it does not). `/readyz`: every dependency was
 * tried just now; 503 names the ones that are down.
 */
export function healthGroup(checks: readonly HealthCheck[]): RouteGroup {
  return {
    name: "health",
    routes: [
      {
        method: "GET",
        path: "/healthz",
        access: access.public,
        handler: (c) => c.json({ status: "ok" }, 200, { "cache-control": "no-store" }),
      },
      {
        method: "GET",
        path: "/readyz",
        access: access.public,
        handler: async (c) => {
          const results = await Promise.all(checks.map(tryOut));
          const failed = results.some((result) => result.status === "failed");
          const warned = results.some((result) => result.status === "warning");
          return c.json(
            { status: failed ? "failed" : warned ? "warning" : "ok", checks: results },
            failed ? 503 : 200,
            {
              "cache-control": "no-store",
            },
          );
        },
      },
    ],
  };
}
