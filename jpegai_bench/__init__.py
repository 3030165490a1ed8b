"""The lab bench for learned image codecs: complexity, bitstreams, quality metrics, BD-rate."""

__version__ = "0.1.0"
