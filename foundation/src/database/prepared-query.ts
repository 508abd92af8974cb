import type { Compilable, CompiledQuery, Kysely } from "kysely";

/** What a prepared query takes at each call. */
type Parameters = Readonly<Record<string, string | number>>;

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
  const compiled = new WeakMap<Kysely<S>, CompiledQuery<Row>>();
  const standIn = new Map(names.map((name) => [`\u{0}parameter ${name}`, name]));
  const standIns = Object.fromEntries([...standIn].map(([text, name]) => [name, text])) as P;
  return async (database, parameters) => {
    let query = compiled.get(database);
    if (query === undefined) compiled.set(database, (query = build(database, standIns).compile()));
    const values = query.parameters.map((value) => {
      const name = typeof value === "string" ? standIn.get(value) : undefined;
      return name === undefined ? value : parameters[name];
    });
    return (await database.executeQuery<Row>({ ...query, parameters: values })).rows;
  };
}
