import { access } from "@waybill/foundation/auth";
import type { HttpContext, HttpRoute } from "@waybill/foundation/http";
import type { RepositoryName } from "../../names/index.ts";
import { withProblems } from "../problems.ts";
import { draftAppend, draftCancel, draftCreate, draftLimits, draftStatus } from "./draft.ts";
import { speaksTus, tusAbilities, tusAppend, tusCreate, tusStatus, tusTerminate, tusVersion } from "./tus.ts";
import { creationPath, uploadPath, type UploadDoor } from "./upload-door.ts";

type Handle = (door: UploadDoor, c: HttpContext, repository: RepositoryName) => Promise<Response>;

/**
 * Resumable uploads over `/api/v1`: tus 1.0 for those who send `Tus-Resumable`, the IETF draft for everybody else. Both are
 * faces of one session, which the OCI door knows by the same id. What ends here is a blob of the repository, for a manifest
 * or a package to name.
 */
export function resumableUploadRoutes(door: UploadDoor): HttpRoute[] {
  const by =
    (tus: Handle, draft: Handle): HttpRoute["handler"] =>
    (c) => {
      const face = speaksTus(c) ? tus : draft;
      // On Node's own response: errors carry it, too.
      if (face === tus) c.env.outgoing.setHeader("tus-resumable", tusVersion);
      return face(door, c, door.gate.repository(c, "push"));
    };
  const abilities = (c: HttpContext): Response => {
    door.gate.repository(c, "push");
    const headers = { ...tusAbilities(door), "upload-limit": draftLimits(door), "accept-patch": acceptPatch };
    return new Response(null, { status: 204, headers });
  };
  const append = by(tusAppend, draftAppend);
  const routes: HttpRoute[] = [
    { method: "OPTIONS", path: creationPath, access: access.everyone, handler: abilities },
    { method: "OPTIONS", path: uploadPath, access: access.everyone, handler: abilities },
    { method: "POST", path: creationPath, access: access.everyone, handler: by(tusCreate, draftCreate) },
    { method: "GET", path: uploadPath, access: access.everyone, handler: by(tusStatus, draftStatus) },
    { method: "PATCH", path: uploadPath, access: access.everyone, handler: append },
    { method: "DELETE", path: uploadPath, access: access.everyone, handler: by(tusTerminate, draftCancel) },
    // For clients behind something that lets no PATCH through (tus, "X-HTTP-Method-Override").
    { method: "POST", path: uploadPath, access: access.everyone, handler: overridden(append) },
  ];
  return routes.map((route) => ({ ...route, handler: withProblems(route.handler) }));
}

const acceptPatch = "application/offset+octet-stream, application/partial-upload";

function overridden(append: HttpRoute["handler"]): HttpRoute["handler"] {
  return (c) => {
    if (c.req.header("x-http-method-override") === "PATCH") return append(c);
    return new Response(null, { status: 405, headers: { allow: "GET, HEAD, PATCH, DELETE, OPTIONS" } });
  };
}
