"""Completion by the tab key: the script for a shell.

It asks with `completion answer SHELL LINE POINT`; `jpegai_bench.cli.completion` knows what may stand there.
"""

from jpegai_bench.commands.command import Command
from jpegai_bench.errors import UsageError, hint

USAGE = Command(
    "completion bash|zsh",
    "a script that completes words with the tab key",
    """Prints a script for the shell to read. It completes commands, variants, groups, settings,
choices and files, those of --config-dir too.

  eval "$(jpegai-bench completion bash)"
  jpegai-bench completion bash > ~/.local/share/bash-completion/completions/jpegai-bench
  jpegai-bench completion zsh > ~/.zfunc/_jpegai-bench

  The first completes in this shell alone, or from ~/.bashrc in each; the second wherever bash-completion is
  installed; the third where ~/.zshrc has `fpath+=~/.zfunc` before `autoload -Uz compinit; compinit`.""",
    words=("SHELL",),
    composes=False,
)

SCRIPTS = {
    "bash": r"""# jpegai-bench: completion for bash
_jpegai_bench() {
    local line
    COMPREPLY=()
    while IFS= read -r line; do
        COMPREPLY+=("$line")
    done < <(JPEGAI_BENCH_WORDBREAKS=$COMP_WORDBREAKS \
        "${COMP_WORDS[0]}" completion answer bash "$COMP_LINE" "$COMP_POINT" 2> /dev/null)
}
complete -o nospace -F _jpegai_bench jpegai-bench""",
    "zsh": r"""#compdef jpegai-bench
_jpegai_bench() {
    local -a answers
    answers=("${(@f)$(${words[1]} completion answer zsh "$BUFFER" "$CURSOR" 2> /dev/null)}")
    answers=(${answers:#})
    (( $#answers )) && compadd -U -Q -S '' -- $answers
}
if [[ $funcstack[1] == _jpegai-bench ]]; then
    _jpegai_bench "$@"
else
    compdef _jpegai_bench jpegai-bench
fi""",
}


def command(shell: str = "", *more: str) -> int:
    """Print the script for a shell."""
    if more:
        raise UsageError(f"completion: {more[0]!r} is too much; usage: jpegai-bench completion bash|zsh")
    if shell not in SCRIPTS:
        problem = f"no {shell!r}{hint(shell, SCRIPTS)}" if shell else "SHELL is missing"
        raise UsageError(f"completion: {problem}; usage: jpegai-bench completion bash|zsh")
    print(SCRIPTS[shell])
    return 0
