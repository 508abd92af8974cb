import { access, type Authenticator } from "@waybill/foundation/auth";
import { Problem } from "@waybill/foundation/errors";
import { readJson, sessionCookie, type RouteGroup } from "@waybill/foundation/http";

/** The browser forgets the cookie after a working day; the token in it may end earlier. */
const longestSessionSeconds = 12 * 60 * 60;

/**
 * `POST /api/v1/session {token}` for a pull server that runs without the manager: the page trades a token for the
 * cookie with which it reads. Beside a manager the manager answers it.
 */
export function sessionGroup(authenticator: Authenticator): RouteGroup {
  return {
    name: "session",
    routes: [
      {
        method: "POST",
        path: "/api/v1/session",
        access: access.public,
        handler: async (c) => {
          const body = await readJson(c, 16 * 1024);
          const token = typeof body === "object" && body !== null && "token" in body ? body.token : undefined;
          const principal = typeof token === "string" ? await authenticator({ bearer: token }) : undefined;
          if (principal === undefined || typeof token !== "string") {
            const detail = "The token is not valid, or has expired.";
            throw new Problem({ code: "UNAUTHENTICATED", status: 401, title: "Who are you?", detail });
          }
          const secure = new URL(c.req.url).protocol === "https:" || c.req.header("x-forwarded-proto") === "https";
          const cookie = sessionCookie(token, { maxAgeSeconds: longestSessionSeconds, secure });
          return new Response(null, { status: 204, headers: { "set-cookie": cookie } });
        },
      },
    ],
  };
}
