import type { HttpContext, HttpRoute } from "@waybill/foundation/http";
import type { RepositoryName } from "../../names/index.ts";
import { placeOf, type Operation } from "../operation.ts";
import { withProblems } from "../problems.ts";
import { draftAppend, draftCancel, draftCreate, draftLimits, draftStatus } from "./draft.ts";
import { resumableOperations as operations } from "./operations.ts";
import { speaksTus, tusAbilities, tusAppend, tusCreate, tusStatus, tusTerminate, tusVersion } from "./tus.ts";
import { refuse, type UploadDoor } from "./upload-door.ts";

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
  const handlers: readonly (readonly [operation: Operation, handler: HttpRoute["handler"]])[] = [
    [operations.uploadAbilities, abilities],
    [operations.uploadAbilitiesOfOne, abilities],
    [operations.createUpload, by(tusCreate, draftCreate)],
    [operations.getUpload, by(tusStatus, draftStatus)],
    [operations.appendToUpload, append],
    [operations.cancelUpload, by(tusTerminate, draftCancel)],
    // For clients behind something that lets no PATCH through (tus, "X-HTTP-Method-Override").
    [operations.appendToUploadByPost, overridden(append)],
  ];
  return handlers.map(([operation, handler]) => ({ ...placeOf(operation), handler: withProblems(handler) }));
}

const acceptPatch = "application/offset+octet-stream, application/partial-upload";

function overridden(append: HttpRoute["handler"]): HttpRoute["handler"] {
  return (c) => {
    if (c.req.header("x-http-method-override") === "PATCH") return append(c);
    throw refuse(405, "METHOD_NOT_ALLOWED", "POST goes on with an upload only with X-HTTP-Method-Override: PATCH", {
      allow: "GET, HEAD, PATCH, DELETE, OPTIONS",
    });
  };
}
