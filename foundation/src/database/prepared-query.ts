import type { Compilable, CompiledQuery, Kysely } from "kysely";
import type { Answer } from "./engine.ts";

/** What a prepared query takes at each call. */
type Parameters = Readonly<Record<string, string | number>>;

interface Compiled<Row> {
  readonly query: CompiledQuery<Row>;
  /** At each place of its parameters, which of the call's goes there; undefined: what the query says itself. */
  readonly names: readonly (string | undefined)[];
}

/** Who answers a prepared query without kysely's rounds of promises, which cost more than SQLite's answer. */
const answers = new WeakMap<object, Answer>();

/** From now on prepared queries of this `Kysely` are answered by `answer`. */
export function answerDirectly(database: object, answer: Answer): void {
  answers.set(database, answer);
}

/**
 * A query for a hot path: built and compiled once for each `Kysely` that asks it, and then only given its parameters.
 * Building one anew costs about as much as SQLite needs to answer it.
 *
 * `build` gets a stand-in for each parameter and must put it into the query as it is; what it does must not depend on it.
 *
 * @param names of all parameters
 */
export function preparedQuery<S, P extends Parameters, Row>(
  names: readonly (keyof P & string)[],
  build: (database: Kysely<S>, parameter: P) => Compilable<Row>,
): (database: Kysely<S>, parameters: P) => Promise<Row[]> {
  const compiled = new WeakMap<Kysely<S>, Compiled<Row>>();
  const standIn = new Map<unknown, string>(names.map((name) => [`\u{0}parameter ${name}`, name]));
  const standIns = Object.fromEntries([...standIn].map(([text, name]) => [name, text])) as P;
  const compile = (database: Kysely<S>): Compiled<Row> => {
    const query = build(database, standIns).compile();
    const made = { query, names: query.parameters.map((value) => standIn.get(value)) };
    compiled.set(database, made);
    return made;
  };
  return async (database, parameters) => {
    const { query, names: named } = compiled.get(database) ?? compile(database);
    const values = named.map((name, index) => (name === undefined ? query.parameters[index] : parameters[name]));
    const answer = answers.get(database);
    if (answer !== undefined) return answer(query.sql, values) as Row[];
    return (await database.executeQuery<Row>({ ...query, parameters: values })).rows;
  };
}
