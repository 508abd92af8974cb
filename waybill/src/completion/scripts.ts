import type { CommandWords } from "./words.ts";

export const shells = ["bash", "zsh", "fish"] as const;
export type Shell = (typeof shells)[number];

/** In single quotes of a POSIX shell. */
function quoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

/** Words of `path` that lead to a command: what a user typed before options. */
function bash(commands: readonly CommandWords[]): string {
  const cases = commands.map(
    ({ path, words }) => `    ${quoted(path)}) candidates=${quoted(words.map(({ word }) => word).join(" "))} ;;`,
  );
  const valued = new Set(commands.flatMap(({ words }) => words.filter((w) => w.takesValue).map(({ word }) => word)));
  return `# bash completion of waybill
_waybill() {
  local current=\${COMP_WORDS[COMP_CWORD]} previous=\${COMP_WORDS[COMP_CWORD-1]}
  local path='' candidates='' word i
  COMPREPLY=()
  case $previous in
    ${[...valued].join("|")}) compopt -o default 2>/dev/null; return ;;
  esac
  for ((i = 1; i < COMP_CWORD; i++)); do
    word=\${COMP_WORDS[i]}
    case $word in -*) ;; *) _waybill_is_command "\${path:+$path }$word" && path="\${path:+$path }$word" ;; esac
  done
  case $path in
${cases.join("\n")}
  esac
  mapfile -t COMPREPLY < <(compgen -W "$candidates" -- "$current")
}
_waybill_is_command() {
  case $1 in
    ${commands
      .filter(({ path }) => path !== "")
      .map(({ path }) => quoted(path))
      .join("|")}) return 0 ;;
  esac
  return 1
}
complete -F _waybill waybill
`;
}

function zsh(commands: readonly CommandWords[]): string {
  const cases = commands.map(({ path, words }) => {
    const described = words.map(({ word, meaning }) => quoted(`${word.replaceAll(":", "\\:")}:${meaning}`));
    return `    ${quoted(path)}) candidates=(${described.join(" ")}) ;;`;
  });
  const valued = new Set(commands.flatMap(({ words }) => words.filter((w) => w.takesValue).map(({ word }) => word)));
  const known = commands.filter(({ path }) => path !== "").map(({ path }) => quoted(path));
  return `#compdef waybill
# zsh completion of waybill
_waybill() {
  local path_words='' word
  local -a candidates known
  known=(${known.join(" ")})
  case \${words[CURRENT-1]} in
    ${[...valued].join("|")}) _files; return ;;
  esac
  for word in \${words[2,CURRENT-1]}; do
    [[ $word == -* ]] && continue
    if (( \${known[(Ie)\${path_words:+$path_words }$word]} )); then path_words="\${path_words:+$path_words }$word"; fi
  done
  case $path_words in
${cases.join("\n")}
  esac
  _describe 'waybill' candidates
}
if [[ \${funcstack[1]} == _waybill ]]; then _waybill "$@"; else compdef _waybill waybill; fi
`;
}

function fish(commands: readonly CommandWords[]): string {
  const lines = commands.flatMap(({ path, words }) =>
    words.map(({ word, meaning, takesValue }) => {
      const condition = `-n ${quoted(`__waybill_at ${path === "" ? "" : quoted(path)}`.trim())}`;
      const candidate = word.startsWith("--")
        ? `-l ${quoted(word.slice(2))}${takesValue ? " -r -F" : ""}`
        : `-a ${quoted(word)}`;
      return `complete -c waybill ${condition} ${candidate} -d ${quoted(meaning)}`;
    }),
  );
  const known = commands.filter(({ path }) => path !== "").map(({ path }) => quoted(path));
  return `# fish completion of waybill
set -g __waybill_commands ${known.join(" ")}
function __waybill_at
    set -l path ''
    for word in (commandline -opc)[2..-1]
        string match -q -- '-*' $word; and continue
        set -l longer (string trim -- "$path $word")
        contains -- $longer $__waybill_commands; and set path $longer
    end
    test "$path" = "$argv"
end
complete -c waybill -f
${lines.join("\n")}
`;
}

const writers: Readonly<Record<Shell, (commands: readonly CommandWords[]) => string>> = { bash, zsh, fish };

/** The completion script of a shell, to be sourced or put where the shell looks for it. */
export function completionScript(shell: Shell, commands: readonly CommandWords[]): string {
  return writers[shell](commands);
}
