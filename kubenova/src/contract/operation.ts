import type { z } from "zod";
import type { ProblemStatus } from "./problem.ts";

type OperationMethod = "GET" | "POST" | "PUT" | "DELETE";

/** A schema of an object whose fields arrive as text: parameters in the path and in the query. */
export type ParameterSchema = z.ZodObject<Record<string, z.ZodType<string | undefined>>>;

interface OperationAnswer {
  readonly status: 200 | 201 | 204;
  readonly description: string;
  /** Absent: no body. */
  readonly schema?: z.ZodType;
  /** `application/json` unless said. */
  readonly mediaType?: string;
  readonly example?: unknown;
  /** Header name to what it says. */
  readonly headers?: Readonly<Record<string, string>>;
}

/**
 * One call of the API as data: the server checks requests with it, the OpenAPI document is made of it. What a call
 * does stands in the manager, who may call it in the manager's role table.
 */
export interface Operation {
  /** `createTenant`: unique, the name in generated clients. */
  readonly id: string;
  readonly method: OperationMethod;
  /** In OpenAPI syntax: `/api/v1/clusters/{clusterID}`. */
  readonly path: string;
  readonly tag: "system" | "identity" | "clusters" | "tenants";
  readonly summary: string;
  readonly description?: string;
  readonly parameters?: ParameterSchema;
  readonly query?: ParameterSchema;
  readonly body?: z.ZodType;
  readonly bodyExample?: unknown;
  /** Takes an `Idempotency-Key`. */
  readonly idempotent?: boolean;
  /** Takes an `If-Match`. */
  readonly conditional?: boolean;
  readonly answer: OperationAnswer;
  /** Statuses that this call in particular can answer, beside those that every call can. */
  readonly problems?: readonly ProblemStatus[];
}

type Output<S, Absent> = S extends z.ZodType ? z.output<S> : Absent;

/** What a handler is given once a request is found to be well-formed. */
export interface OperationInput<O extends Operation> {
  readonly parameters: Output<O["parameters"], Record<string, never>>;
  readonly query: Output<O["query"], Record<string, never>>;
  readonly body: Output<O["body"], undefined>;
}
