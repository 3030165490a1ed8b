"""kMACs/pixel of one variant or of all."""

from jpegai_bench.commands.output import print_frame, print_rich
from jpegai_bench.config.schema import Settings
from jpegai_bench.config.variants import packaged_variant, variant_names, variant_of


def command(settings: Settings) -> int:
    """Count and print."""
    from jpegai_bench.report.tables.complexity import as_frame, as_rich
    from jpegai_bench.runner.complexity import complexity_summary

    if settings.variant:
        variants = [variant_of(settings)]
    else:
        variants = [packaged_variant(settings, name) for name in variant_names()]
    summaries = [complexity_summary(settings, variant) for variant in variants]
    if settings.format == "table":
        print_rich(as_rich(summaries))
    else:
        print_frame(as_frame(summaries), settings.format)
    return 0
