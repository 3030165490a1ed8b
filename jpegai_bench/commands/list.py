"""What there is."""

from jpegai_bench.commands.inventory import KINDS, inventory
from jpegai_bench.config.schema import Settings
from jpegai_bench.errors import UsageError, hint


def command(settings: Settings, what: str = "") -> int:
    """List one kind, or all under headings."""
    if what and what not in KINDS:
        raise UsageError(f"list: no {what!r}{hint(what, KINDS)}; there are {', '.join(KINDS)}")
    for kind in (what,) if what else KINDS:
        print(f"{kind}:" if not what else "", end="\n" if not what else "")
        for line in inventory(kind, settings):
            print(f"  {line}" if not what else line)
    return 0
