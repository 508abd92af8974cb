/** The status codes of gRPC that the agent tells apart. */
export const grpcCode = {
  ok: 0,
  cancelled: 1,
  unknown: 2,
  deadlineExceeded: 4,
  notFound: 5,
  resourceExhausted: 8,
  unimplemented: 12,
  internal: 13,
  unavailable: 14,
} as const;

/** A call to containerd that did not succeed. `code` is the number of the gRPC status. */
export class GrpcError extends Error {
  readonly code: number;

  constructor(code: number, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "GrpcError";
    this.code = code;
  }
}

export function isNotFound(error: unknown): boolean {
  return error instanceof GrpcError && error.code === grpcCode.notFound;
}
