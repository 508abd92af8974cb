import { UserError } from "@waybill/foundation/errors";

/** Something that only one program can have (a data folder, an address) is held by another. Exit code 3. */
export class BusyError extends UserError {
  override readonly name = "BusyError";
}
