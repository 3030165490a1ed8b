"""Completion by the tab key: `jpegai_bench.cli.shell_scripts` does it."""

from jpegai_bench.commands.command import Command

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
