"""What a subcommand says of itself: how it is written, what it does, examples."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Command:
    """A subcommand."""

    usage: str
    """How it is written, its name first."""
    summary: str
    details: str
    words: tuple[str, ...] = ()
    """Positional arguments."""
    optional: bool = False
    """Whether the last of them may be left out."""
    repeats: bool = False
    """Whether the last of them may be given several times."""
    options: tuple[str, ...] = ()
    """Settings that only some commands take, and this one does."""
    variant: str | None = None
    """The variant that is meant when none is given; None where the command takes none."""
    does: str = ""
    """The command whose work it does, where that is another."""
    results: str = "on stdout; nothing is kept."
    """Where results go."""
    composes: bool = True
    """Whether it takes settings."""

    @property
    def name(self) -> str:
        """Its own word."""
        return self.usage.split()[0]

    @property
    def module(self) -> str:
        """The file in `commands` that does it."""
        return self.does or self.name
