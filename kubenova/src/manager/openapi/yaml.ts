type Json = string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json };

/** Words that YAML 1.1 readers take for something else than text. */
const notPlain = /^(?:true|false|yes|no|on|off|null|y|n|~)$/iu;

/** A JSON string is a double-quoted YAML scalar as it stands; plain words go without the marks. */
function scalar(value: string | number | boolean | null): string {
  if (typeof value !== "string") return String(value);
  return /^[A-Za-z_][A-Za-z0-9_./-]*$/u.test(value) && !notPlain.test(value) ? value : JSON.stringify(value);
}

function lines(value: Json, indent: string): string[] {
  if (Array.isArray(value)) {
    return value.flatMap((item: Json) => {
      const [first = "", ...rest] = nested(item, `${indent}  `);
      return [`${indent}- ${first.trimStart()}`, ...rest];
    });
  }
  return Object.entries(value as { readonly [key: string]: Json }).flatMap(([key, item]) => {
    const inner = nested(item, `${indent}  `);
    const [first = ""] = inner;
    return isBlock(item) ? [`${indent}${scalar(key)}:`, ...inner] : [`${indent}${scalar(key)}: ${first.trimStart()}`];
  });
}

function isBlock(value: Json): boolean {
  return typeof value === "object" && value !== null && Object.keys(value).length > 0;
}

function nested(value: Json, indent: string): string[] {
  if (typeof value !== "object" || value === null) return [`${indent}${scalar(value)}`];
  if (!isBlock(value)) return [`${indent}${Array.isArray(value) ? "[]" : "{}"}`];
  return lines(value, indent);
}

/** Writes a JSON document as YAML 1.2 in block style. */
export function yamlOf(document: object): string {
  // Through JSON, so that what JSON leaves out is left out here too.
  const json = JSON.parse(JSON.stringify(document)) as Json;
  return `${nested(json, "").join("\n")}\n`;
}
