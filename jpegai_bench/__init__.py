"""The lab bench for learned image codecs: complexity, bitstreams, quality metrics, BD-rate."""

from typing import TYPE_CHECKING, Any

from jpegai_bench.version import __version__

__all__ = ["Reference", "Scores", "__version__", "measure"]

if TYPE_CHECKING:
    from jpegai_bench.metrics.measure import Reference, Scores, measure
else:

    def __getattr__(name: str) -> Any:
        """Import the metrics when they are asked for: they need torch, which takes seconds to load."""
        if name not in __all__:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from jpegai_bench.metrics import measure

        return getattr(measure, name)
