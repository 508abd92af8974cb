import {
  ConstraintError,
  type ConstraintKind,
  DatabaseMisuse,
  DatabaseUnavailable,
  type UnavailableReason,
} from "./failure.ts";

/** SQLSTATE: https://www.postgresql.org/docs/current/errcodes-appendix.html */
const constraintKinds: Readonly<Record<string, ConstraintKind>> = {
  "23502": "not-null",
  "23503": "foreign-key",
  "23505": "unique",
  "23514": "check",
};

const unavailable: Readonly<Record<string, readonly [UnavailableReason, string]>> = {
  "0A000": ["conflict", "The tables were changed meanwhile"],
  "25P03": ["timeout", "The transaction was rolled back: it sent no statement for too long"],
  "40001": ["conflict", "Another transaction changed the same rows first"],
  "40P01": ["conflict", "Two transactions waited for each other"],
  "53100": ["full", "There is no room left on the disk of the database"],
  "53200": ["busy", "The database server is out of memory"],
  "53300": ["connection", "The database server has no connection left"],
  "55P03": ["busy", "Another transaction holds the lock"],
  "57014": ["timeout", "The statement took longer than allowed"],
  "57P01": ["connection", "The database server closed the connection"],
  "57P02": ["connection", "The database server closed the connection"],
  "57P03": ["connection", "The database server is starting or stopping"],
};

/** Errors of sockets and of the client itself, which have no SQLSTATE. */
const networkCodes = new Set([
  "ECONNREFUSED",
  "ECONNRESET",
  "ECONNABORTED",
  "EPIPE",
  "ETIMEDOUT",
  "EHOSTUNREACH",
  "ENETUNREACH",
  "ENOTFOUND",
  "EAI_AGAIN",
  "ENOENT",
]);
const clientMessages =
  /^(connection terminated|timeout exceeded when trying to connect|timeout expired|query read timeout|client has encountered a connection error|client was closed|cannot use a pool after)/i;

/** @param server host, port and database name, for messages; never a user's password. */
export function translatePostgres(error: unknown, server: string): unknown {
  if (!(error instanceof Error) || error instanceof DatabaseUnavailable) return error;
  const code = codeOf(error);
  const kind = constraintKinds[code];
  if (kind !== undefined) return new ConstraintError(kind, textOf(error, "table"), columnsOf(error));
  if (code === "25006") {
    return new DatabaseMisuse("`read` cannot change anything: use `database.transaction`.", { cause: error });
  }
  if (code === "0A000" && !isOutdatedPlan(error)) return error;
  const known =
    unavailable[code] ?? (code.startsWith("08") ? (["connection", "The connection failed"] as const) : undefined);
  if (known !== undefined) return new DatabaseUnavailable(known[0], `${known[1]} (${server}).`, error);
  if (isBrokenConnection(error)) {
    return new DatabaseUnavailable("connection", `PostgreSQL at ${server} does not answer: ${reasonOf(error)}.`, error);
  }
  return error;
}

/** True when the connection cannot be used again, whatever the error was about. */
export function isBrokenConnection(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const code = codeOf(error);
  if (networkCodes.has(code) || /^(08|57P)/.test(code) || code === "25P03") return true;
  return isOutdatedPlan(error) || clientMessages.test(error.message);
}

/**
 * A statement that this connection has prepared returns other columns now, since another program has migrated: the server
 * refuses it for as long as the connection lives.
 */
function isOutdatedPlan(error: Error): boolean {
  return codeOf(error) === "0A000" && error.message.includes("cached plan");
}

/** The code of an error of the server or of a socket. Several failed addresses come as one `AggregateError`. */
export function codeOf(error: Error): string {
  if ("code" in error && typeof error.code === "string") return error.code;
  if (error instanceof AggregateError) {
    const [first] = error.errors as unknown[];
    if (first instanceof Error) return codeOf(first);
  }
  return "";
}

/** What a person is told: an `AggregateError` has an empty message. */
export function reasonOf(error: Error): string {
  return error.message === "" ? codeOf(error) : error.message;
}

function columnsOf(error: Error): string[] {
  const column = textOf(error, "column");
  if (column !== undefined) return [column];
  const keys = /^Key \((.+?)\)=/.exec(textOf(error, "detail") ?? "")?.[1];
  return keys === undefined ? [] : keys.split(", ").map((key) => key.replaceAll('"', ""));
}

function textOf(error: Error, field: "table" | "column" | "detail"): string | undefined {
  const value: unknown = Reflect.get(error, field);
  return typeof value === "string" ? value : undefined;
}
