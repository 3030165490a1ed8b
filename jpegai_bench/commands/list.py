"""What there is."""

from jpegai_bench.commands.command import Command
from jpegai_bench.config.command_settings import WeightsSettings
from jpegai_bench.errors import UsageError, hint

USAGE = Command(
    "list [variants|datasets|anchors|weights|runs]",
    "what there is",
    """Variants, data sets with how many of their pictures are here, anchors with what can be used
here and whose points are ready, weights with their training, and the runs of the store: state, pictures,
age, size with all that was kept for them, key. `runs remove` takes the key, or its beginning.

  jpegai-bench list
  jpegai-bench list variants
  jpegai-bench list runs results=results/demo

  results=PATH         the store whose runs are listed
  weights=FOLDER       whose weights are listed, instead of those that ship
  --config-dir DIR     variants and anchors of your own too""",
    settings=WeightsSettings,
    words=("WHAT",),
    optional=True,
)


def command(settings: WeightsSettings, what: str = "") -> int:
    """List one kind, or all under headings."""
    from jpegai_bench.commands.inventory import INVENTORY

    if what and what not in INVENTORY:
        raise UsageError(f"list: no {what!r}{hint(what, INVENTORY)}; there are {', '.join(INVENTORY)}")
    for kind in (what,) if what else INVENTORY:
        if not what:
            print(f"{kind}:")
        for line in INVENTORY[kind](settings):
            print(line if what else f"  {line}")
    return 0
