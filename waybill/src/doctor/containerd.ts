import { access, constants, stat } from "node:fs/promises";
import { connect } from "node:net";
import type { Finding } from "./finding.ts";

function connects(path: string): Promise<NodeJS.ErrnoException | undefined> {
  return new Promise((resolve) => {
    const socket = connect(path);
    const end = (error?: NodeJS.ErrnoException): void => {
      socket.destroy();
      resolve(error);
    };
    socket.setTimeout(2000, () => end(new Error("gave no answer within 2 s")));
    socket.once("connect", () => end());
    socket.once("error", end);
  });
}

/**
 * Why this containerd socket cannot be used, as a sentence with what to do; undefined when somebody listens there and
 * lets us in.
 */
export async function socketTrouble(
  path: string,
): Promise<{ readonly detail: string; readonly advice: string } | undefined> {
  const entry = await stat(path).catch((error: NodeJS.ErrnoException) => error);
  if (entry instanceof Error) {
    return entry.code === "EACCES"
      ? { detail: `${path} may not be looked at by this user`, advice: "Run the agent as root." }
      : {
          detail: `there is no containerd at ${path}`,
          advice: "Install and start containerd, or name its socket with --containerd-socket PATH.",
        };
  }
  if (!entry.isSocket()) {
    return { detail: `${path} is no socket`, advice: "Name containerd's socket with --containerd-socket PATH." };
  }
  const allowed = await access(path, constants.R_OK | constants.W_OK).then(
    () => true,
    () => false,
  );
  if (!allowed) return { detail: `${path} is there, but this user may not use it`, advice: "Run the agent as root." };
  const error = await connects(path);
  if (error === undefined) return undefined;
  return error.code === "ECONNREFUSED"
    ? { detail: `${path} is there, but nobody listens`, advice: "Start containerd: systemctl start containerd." }
    : { detail: `${path}: ${error.message}`, advice: "Look at containerd's own log." };
}

export async function socketFinding(path: string): Promise<Finding> {
  const trouble = await socketTrouble(path);
  return trouble === undefined
    ? { name: "containerd", status: "ok", detail: `answers at ${path}` }
    : {
        name: "containerd",
        status: "missing",
        detail: `${trouble.detail}; no pulls of this machine will be seen`,
        advice: trouble.advice,
      };
}
