"""kMACs/pixel of one variant or of all."""

from jpegai_bench.commands.command import Command
from jpegai_bench.commands.output import own_output, print_frame, print_rich
from jpegai_bench.config.command_settings import FormatSettings

USAGE = Command(
    "complexity [+variant=NAME] [model=small|paper] [format=table|csv|json|markdown|latex]",
    "kMACs/pixel by part, counted three ways, and parameters",
    """Counts every variant, or the one that is named, beside the paper's figures.

  jpegai-bench complexity model=paper
  jpegai-bench complexity +variant=combined
  jpegai-bench complexity model=paper format=csv > kmacs.csv

  model=paper          the paper's size; model.luma=96 and so on change single numbers
  --config-dir my_conf +variant=mine      a variant of your own
  --config-dir my_conf                    those that ship, and all of your own""",
    settings=FormatSettings,
    variant="",
)


def command(settings: FormatSettings) -> int:
    """Count and print."""
    from jpegai_bench.commands.selection import variants
    from jpegai_bench.report.tables.complexity import as_frame, as_rich
    from jpegai_bench.runner.complexity import complexity_summary

    with own_output():
        summaries = [complexity_summary(settings, variant) for variant in variants(settings)]
    if settings.format == "table":
        print_rich(as_rich(summaries))
    else:
        print_frame(as_frame(summaries), settings.format)
    return 0
