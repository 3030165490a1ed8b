"""Train, print where the weights are."""

from jpegai_bench.config import Settings, variant_of


def command(settings: Settings) -> int:
    """Train the variant."""
    from jpegai_bench.training.run import train_variant

    print(train_variant(settings, variant_of(settings)))
    return 0
