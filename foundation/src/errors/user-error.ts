/** Something a person at a command line can mend: what failed, and what to do about it. */
export class UserError extends Error {
  override readonly name: string = "UserError";
  readonly advice: string | undefined;

  constructor(message: string, advice?: string, options?: ErrorOptions) {
    super(message, options);
    this.advice = advice;
  }
}
