/** Errors of the command line that a script tells apart by their exit code. */
export { BusyError } from "./busy-error.ts";
export {
  DeniedError,
  InterruptedError,
  NotFoundError,
  OvertakenError,
  UnsoundError,
  UsageError,
} from "./store-errors.ts";
