import { Argument, type Command } from 'commander';
import type { Perform } from '../program.js';

const SHELLS = ['bash', 'zsh', 'fish'] as const;
type Shell = (typeof SHELLS)[number];

/** What may follow the words so far: `assay`, `assay model`, ... */
interface Place {
  readonly words: readonly string[];
  readonly commands: readonly { readonly name: string; readonly description: string }[];
  readonly options: readonly string[];
}

export function addCompletions(program: Command, perform: Perform): void {
  program
    .command('completions')
    .addArgument(new Argument('<shell>').choices(SHELLS))
    .description('Print a script that completes commands and options in a shell.')
    .addHelpText('after', '\nExamples:\n  assay completions bash > ~/.local/share/bash-completion/completions/assay\n  assay completions zsh > ~/.zfunc/_assay\n  assay completions fish > ~/.config/fish/completions/assay.fish')
    .action((shell: Shell, _: unknown, command: Command) =>
      perform(command, async (terminal) => {
        const script = SCRIPTS[shell](placesOf(program, []));
        terminal.result({ shell, script }, script);
      }),
    );
}

function placesOf(command: Command, words: readonly string[]): Place[] {
  const commands = command.commands.map((sub) => ({ name: sub.name(), description: sub.description() }));
  const options = ['--help', '--json', ...command.options.flatMap(({ long }) => (long && long !== '--json' ? [long] : []))];
  return [{ words, commands, options }, ...command.commands.flatMap((sub) => placesOf(sub, [...words, sub.name()]))];
}

/** The words after `assay` that are no options decide; files are completed where no command can follow. */
function cases(places: readonly Place[]): string {
  return places.map(({ words, commands, options }) => `    "${words.join(' ')}") words="${[...commands.map(({ name }) => name), ...options].join(' ')}" ;;`).join('\n');
}

function bash(places: readonly Place[]): string {
  return `# bash completion for assay
_assay() {
  local place="" word words="" i
  for ((i = 1; i < COMP_CWORD && i <= 2; i++)); do
    word=\${COMP_WORDS[i]}
    [[ $word == -* ]] && break
    place="\${place:+$place }$word"
  done
  case "$place" in
${cases(places)}
    *) words="--help --json" ;;
  esac
  COMPREPLY=($(compgen -W "$words" -- "\${COMP_WORDS[COMP_CWORD]}"))
}
complete -o default -F _assay assay`;
}

function zsh(places: readonly Place[]): string {
  return `#compdef assay
autoload -U +X bashcompinit && bashcompinit
${bash(places)}`;
}

function fish(places: readonly Place[]): string {
  const lines = places.flatMap(({ words, commands, options }) => {
    const here = words.length === 0 ? '__fish_use_subcommand' : words.map((word) => `__fish_seen_subcommand_from ${word}`).join('; and ');
    return [
      ...commands.map(({ name, description }) => `complete -c assay -n '${here}' -a ${name} -d '${description.replace(/[\\']/g, '\\$&')}'`),
      ...options.map((option) => `complete -c assay -n '${here}' -l ${option.slice(2)}`),
    ];
  });
  return ['# fish completion for assay', ...lines].join('\n');
}

const SCRIPTS: Readonly<Record<Shell, (places: readonly Place[]) => string>> = { bash, zsh, fish };
