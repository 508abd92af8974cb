import { isAbsolute, normalize } from "node:path";
import { UserError } from "@waybill/foundation/errors";

const folders = ["/run/containerd/", "/var/run/containerd/"];

/**
 * The path of containerd's socket, if the agent may open it: whoever can speak to that socket owns the node, so a path
 * that a setting was tricked into is refused. Allowed is what stands under /run/containerd/ or /var/run/containerd/,
 * and what the operator lists.
 * @throws UserError that says how to allow it.
 */
export function permittedSocket(path: string, allowed: readonly string[] = []): string {
  const plain = isAbsolute(path) && normalize(path) === path && !path.includes("\0");
  if (plain && (folders.some((folder) => path.startsWith(folder)) || allowed.includes(path))) return path;
  throw new UserError(
    `PULLTRACE_CONTAINERD_SOCKET is refused: ${JSON.stringify(path.slice(0, 200))}`,
    `Use a path under ${folders.join(" or ")}, or list exactly this absolute path in PULLTRACE_ALLOWED_SOCKETS.`,
  );
}
