"""Completion by the tab key: the script for a shell, and the answers that it asks for.

`jpegai_bench.cli.completion` knows what may stand at a place. A script asks with
`completion answer SHELL LINE POINT`.
"""

import os

from jpegai_bench.errors import UsageError, hint

SHELLS = ("bash", "zsh")

_BASH = r"""# jpegai-bench: completion for bash
_jpegai_bench() {
    local line
    COMPREPLY=()
    while IFS= read -r line; do
        COMPREPLY+=("$line")
    done < <(JPEGAI_BENCH_WORDBREAKS=$COMP_WORDBREAKS \
        "${COMP_WORDS[0]}" completion answer bash "$COMP_LINE" "$COMP_POINT" 2> /dev/null)
}
complete -o nospace -F _jpegai_bench jpegai-bench"""

_ZSH = r"""#compdef jpegai-bench
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
fi"""


def command(shell: str = "", *more: str) -> int:
    """Print the script for a shell, or with `answer` what completes a line."""
    if shell == "answer" and len(more) == 3:
        from jpegai_bench.cli.completion import completions

        asking, line, point = more[0], more[1], int(more[2])
        # Of bash the cursor's place is counted in bytes, of zsh in signs.
        line = line.encode()[:point].decode(errors="ignore") if asking == "bash" else line[:point]
        for answer in completions(line, os.environ.get("JPEGAI_BENCH_WORDBREAKS", "")):
            print(answer)
        return 0
    if more:
        raise UsageError(f"completion: {more[0]!r} is too much; usage: jpegai-bench completion bash|zsh")
    if shell not in SHELLS:
        problem = f"no {shell!r}{hint(shell, SHELLS)}" if shell else "SHELL is missing"
        raise UsageError(f"completion: {problem}; usage: jpegai-bench completion bash|zsh")
    print(_BASH if shell == "bash" else _ZSH)
    return 0
