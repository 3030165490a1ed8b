"""The words by which an analysis is chosen; nothing heavy, for the command line knows them too."""

METHODS = ("pchip", "cubic", "akima")
"""Interpolations of BD-rate."""
CURVES = ("image", "mean")
"""BD-rate of each image, then their mean, or of the mean curves."""
