"""Anchors: codecs by their configuration nodes."""

import inspect
from typing import Any

from jpegai_bench.codecs.protocol import AnchorCodec
from jpegai_bench.errors import BenchError, UsageError, hint
from jpegai_bench.system.imports import locate

AS_PUBLISHED = ("jpeg2000_53", "jpeg_ijg")
"""Nodes that follow a published set-up, each beside a better codec of its format: no peers unless named."""
# What YAML 1.1 makes of chroma: 4:2:0 without quotes, numbers to the base of 60.
_SEXAGESIMAL = {4 * 3600 + 2 * 60: "4:2:0", 4 * 3600 + 4 * 60 + 4: "4:4:4"}


def codec_of(label: str, node: Any) -> AnchorCodec:
    """The codec of a configuration node.

    Args:
        label: the node's key, and the codec's name unless the node has a `name`.
        node: `_target_`, an import path, and arguments; those that are null are left to the codec.

    Raises:
        UsageError: the node is none, or its target does not take what it says.
        BenchError: its target cannot be imported.
    """
    where = f"anchor {label}"
    if not isinstance(node, dict) or not isinstance(node.get("_target_"), str):
        raise UsageError(f"{where}: needs a `_target_`, the import path of a codec")
    target = locate(node["_target_"], f"{where}: _target_")
    arguments = {"name": label, **{key: value for key, value in node.items() if key != "_target_"}}
    known = inspect.signature(target).parameters
    if unknown := sorted(arguments.keys() - known.keys()):
        problem = f"no setting {unknown[0]!r}{hint(unknown[0], known)}"
        raise UsageError(f"{where}: {problem}; there are {', '.join(known)}")
    given = {key: value for key, value in arguments.items() if value is not None}
    if isinstance(chroma := given.get("chroma"), int):
        given["chroma"] = _SEXAGESIMAL.get(chroma, chroma)
    for key in [key for key in given if known[key].annotation in (str, "str")]:
        if isinstance(given[key], list | dict):
            raise UsageError(f"{where}: {key}={given[key]}: give one text")
        given[key] = str(given[key])
    if "qualities" in given:
        given["qualities"] = _qualities(given["qualities"], where)
    try:
        codec: AnchorCodec = target(**given)
    except BenchError as error:
        message = str(error)
        raise UsageError(message if message.startswith(label) else f"{where}: {message}") from None
    except TypeError as error:
        raise UsageError(f"{where}: {error}") from None
    return codec


def _qualities(given: Any, where: str) -> tuple[float, ...]:
    try:
        qualities = tuple(float(quality) for quality in given)
    except (TypeError, ValueError):
        raise UsageError(f"{where}: qualities={given}: give a list of numbers, as [10,30,50]") from None
    if not qualities:
        raise UsageError(f"{where}: qualities: give at least one")
    return qualities
