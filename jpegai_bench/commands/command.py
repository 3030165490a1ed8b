"""What a subcommand says of itself: how it is written, what it does, examples."""

from dataclasses import dataclass, fields

from jpegai_bench.config.command_settings import INTERNAL
from jpegai_bench.config.schema import Settings


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
    settings: type[Settings] = Settings
    """What it takes."""
    experiment: bool = False
    """Whether it takes `experiment=NAME`."""
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
    def options(self) -> tuple[str, ...]:
        """Settings that only some commands take, and this one does."""
        names = {item.name for item in fields(self.settings)} - {item.name for item in fields(Settings)}
        return (*sorted(names - set(INTERNAL)), *(("experiment",) if self.experiment else ()))

    @property
    def module(self) -> str:
        """Import path of what does it."""
        return f"jpegai_bench.commands.{self.does or self.name}"
