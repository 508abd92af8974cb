import { labelKeyPattern, labelValuePattern, longestLabelKey, type Labels } from "./labels.ts";

/**
 * One condition of a selector. As in Kubernetes, `notIn` is also met by a resource that lacks the key; `a!=b` is
 * `notIn` with one value, `a=b` and `a==b` are `in` with one.
 */
export type LabelRequirement =
  | { readonly key: string; readonly operator: "in" | "notIn"; readonly values: readonly string[] }
  | { readonly key: string; readonly operator: "exists" | "notExists" };

export type ParsedSelector =
  | { readonly ok: true; readonly requirements: readonly LabelRequirement[] }
  | { readonly ok: false; readonly message: string };

export const longestSelector = 2048;
const mostRequirements = 16;
const mostValues = 64;

class SelectorError extends Error {}

interface Token {
  readonly kind: "word" | "symbol" | "end";
  readonly text: string;
}

const tokenPattern = /\s*(?:(==|!=|[=!,()])|([A-Za-z0-9_./-]+))/uy;

function tokensOf(text: string): Token[] {
  const tokens: Token[] = [];
  const end = text.trimEnd().length;
  tokenPattern.lastIndex = 0;
  while (tokenPattern.lastIndex < end) {
    const at = tokenPattern.lastIndex;
    const match = tokenPattern.exec(text);
    if (match === null) throw new SelectorError(`cannot read it from character ${at + 1} on`);
    const [, symbol, word] = match;
    tokens.push(symbol === undefined ? { kind: "word", text: word ?? "" } : { kind: "symbol", text: symbol });
  }
  return tokens;
}

/** Walks the tokens of `requirement ("," requirement)*`. */
class SelectorReader {
  private position = 0;
  private readonly tokens: readonly Token[];

  constructor(tokens: readonly Token[]) {
    this.tokens = tokens;
  }

  requirements(): LabelRequirement[] {
    const found: LabelRequirement[] = [];
    do {
      if (found.length === mostRequirements) throw new SelectorError(`more than ${mostRequirements} requirements`);
      found.push(this.requirement());
    } while (this.takes(","));
    if (this.peek().kind !== "end") throw new SelectorError(`expected ',' before '${this.peek().text}'`);
    return found;
  }

  private requirement(): LabelRequirement {
    if (this.takes("!")) return { key: this.key(), operator: "notExists" };
    const key = this.key();
    if (this.takes("=") || this.takes("==")) return { key, operator: "in", values: [this.value()] };
    if (this.takes("!=")) return { key, operator: "notIn", values: [this.value()] };
    const word = this.peek();
    if (word.kind === "word") {
      if (word.text !== "in" && word.text !== "notin") throw new SelectorError(`unknown operator '${word.text}'`);
      this.position += 1;
      return { key, operator: word.text === "in" ? "in" : "notIn", values: this.set() };
    }
    return { key, operator: "exists" };
  }

  private set(): string[] {
    if (!this.takes("(")) throw new SelectorError("expected '(' after in or notin");
    const values: string[] = [];
    do {
      if (values.length === mostValues) throw new SelectorError(`more than ${mostValues} values in one set`);
      values.push(this.value());
    } while (this.takes(","));
    if (!this.takes(")")) throw new SelectorError("expected ')' at the end of the values");
    return values;
  }

  private key(): string {
    const token = this.peek();
    if (token.kind !== "word" || token.text.length > longestLabelKey || !labelKeyPattern.test(token.text)) {
      throw new SelectorError(
        token.kind === "end" ? "expected a label key at its end" : `'${token.text}' is no label key`,
      );
    }
    this.position += 1;
    return token.text;
  }

  /** May be empty: `a=` and `a in (,b)` are legal. */
  private value(): string {
    const token = this.peek();
    if (token.kind !== "word") return "";
    if (!labelValuePattern.test(token.text)) throw new SelectorError(`'${token.text}' is no label value`);
    this.position += 1;
    return token.text;
  }

  private takes(symbol: string): boolean {
    const token = this.peek();
    if (token.kind !== "symbol" || token.text !== symbol) return false;
    this.position += 1;
    return true;
  }

  private peek(): Token {
    return this.tokens[this.position] ?? { kind: "end", text: "" };
  }
}

/**
 * Reads a selector in the syntax of Kubernetes' list calls: `a=b,c!=d,e in (f,g),h notin (i),j,!k`. An empty text
 * selects everything.
 */
export function parseLabelSelector(text: string): ParsedSelector {
  if (text.length > longestSelector) return { ok: false, message: `longer than ${longestSelector} characters` };
  try {
    const tokens = tokensOf(text);
    return { ok: true, requirements: tokens.length === 0 ? [] : new SelectorReader(tokens).requirements() };
  } catch (error) {
    if (error instanceof SelectorError) return { ok: false, message: error.message };
    throw error;
  }
}

/** Whether labels meet every requirement. */
export function selects(requirements: readonly LabelRequirement[], labels: Labels): boolean {
  return requirements.every((requirement) => {
    const value = Object.hasOwn(labels, requirement.key) ? labels[requirement.key] : undefined;
    if (!("values" in requirement)) return (value !== undefined) === (requirement.operator === "exists");
    const listed = value !== undefined && requirement.values.includes(value);
    return requirement.operator === "in" ? listed : !listed;
  });
}
