import type { Params, Result, Router } from "hono/router";

interface Entry<T> {
  readonly order: number;
  readonly pattern: RegExp;
  readonly names: readonly string[];
  readonly handler: T;
}

/**
 * Finds the one route of a path: the first that was added. Its syntax is hono's: `:name` is one segment, `:name{regex}` what
 * the expression says, slashes too.
 *
 * hono's quick router takes no `:name{.+}` with segments behind it, and the one that does copies its parameters at every
 * step. Here routes lie under the segments before their first parameter, so that few expressions are tried.
 */
export class PathRouter<T> implements Router<T> {
  readonly name = "PathRouter";
  readonly #byMethod = new Map<string, Map<string, Entry<T>[]>>();
  #added = 0;

  add(method: string, path: string, handler: T): void {
    const segments = path.split("/");
    const parameter = segments.findIndex((segment) => segment.startsWith(":"));
    const literal = (parameter < 0 ? segments : segments.slice(0, parameter)).join("/");
    const names: string[] = [];
    const source = segments.map((segment) => sourceOf(segment, names)).join("/");
    const entry = { order: this.#added++, pattern: new RegExp(`^${source}$`), names, handler };
    const byLiteral = this.#byMethod.get(method) ?? new Map<string, Entry<T>[]>();
    this.#byMethod.set(method, byLiteral);
    byLiteral.set(literal, [...(byLiteral.get(literal) ?? []), entry]);
  }

  match(method: string, path: string): Result<T> {
    const byLiteral = this.#byMethod.get(method);
    let first: Entry<T> | undefined;
    let values: RegExpExecArray | undefined;
    for (let end = 0; end >= 0; end = end === path.length ? -1 : nextSlash(path, end)) {
      for (const entry of byLiteral?.get(path.slice(0, end)) ?? []) {
        if (first !== undefined && first.order < entry.order) break;
        const match = entry.pattern.exec(path);
        if (match === null) continue;
        first = entry;
        values = match;
        break;
      }
    }
    if (first === undefined || values === undefined) return [[]];
    const parameters: Params = {};
    for (const [index, name] of first.names.entries()) parameters[name] = values[index + 1] ?? "";
    return [[[first.handler, parameters]]];
  }
}

/** The end of the next segment. */
function nextSlash(path: string, after: number): number {
  const slash = path.indexOf("/", after + 1);
  return slash < 0 ? path.length : slash;
}

/** One segment of a path as a regular expression; its parameter's name joins `names`. */
function sourceOf(segment: string, names: string[]): string {
  const match = /^:([^{}]+)(?:\{(.+)\})?$/.exec(segment);
  if (match === null) return segment.replaceAll(/[\^$.*+?()[\]{}|]/g, String.raw`\$&`);
  names.push(match[1] ?? "");
  return `(${match[2] ?? "[^/]+"})`;
}
