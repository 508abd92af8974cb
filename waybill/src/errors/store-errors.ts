import { UserError } from "@waybill/foundation/errors";

/** What was asked for is not there, or not for this caller's eyes. Exit code 4. */
export class NotFoundError extends UserError {
  override readonly name = "NotFoundError";
}

/** The caller is not known, or may not do this. Exit code 5. */
export class DeniedError extends UserError {
  override readonly name = "DeniedError";
}

/** Bytes that are not what their digest says. Exit code 6. */
export class UnsoundError extends UserError {
  override readonly name = "UnsoundError";
}

/** A plan of a collection that would not be done any more. Exit code 7. */
export class OvertakenError extends UserError {
  override readonly name = "OvertakenError";
}

/** What was typed cannot be meant. Exit code 2. */
export class UsageError extends UserError {
  override readonly name = "UsageError";
}

/** Ctrl-C, and everything that was kept is ready to go on. Exit code 130. */
export class InterruptedError extends UserError {
  override readonly name = "InterruptedError";
}
