"""At which place of a network a variant's own module failed."""

import re
import sys
from traceback import walk_tb
from typing import Any

from jpegai_bench.system import defects

OF_SYNTHESIS = {
    **{name: name for name in ("attention_quarter", "attention_half")},
    **{f"up{number}": "upsampling" for number in (1, 2, 3)},
    "up4": "last_upsampling",
    **{f"act{number}": "activation" for number in (1, 2, 3)},
}
"""Of what modules of the paper's synthesis are called, by the names that variants give."""
_OF_SHARED = (
    (r"analysis_(luma|chroma)", r"analysis.\1"),
    (r"analysis_\w+\.attention_quarter", "analysis.attention"),
    (r"analysis_\w+\.act\d", "analysis.activation"),
    (r"prior_\w+\.analysis", "entropy.hyper_analysis"),
    (r"prior_\w+\.synthesis.*", "entropy.hyper_synthesis"),
    (r"prior_\w+\.passes.*", "entropy.context"),
)
_OURS = ("jpegai_bench", "torch")


def in_one_line(error: BaseException) -> str:
    """What `defects` makes of an error, behind place and class of the user's module that raised it."""
    message = defects.in_one_line(error)
    return f"{module} failed: {message}" if (module := failed_module(error)) else message


def failed_module(error: BaseException) -> str:
    """Place and class, as `attention_half (my_codec.gate.Gate)`, of the user's module that an error ended.

    The class alone where the network is not in the traceback; empty where no module of a user's is.
    """
    Module = getattr(getattr(sys.modules.get("torch"), "nn", None), "Module", ())
    network, own = None, None
    for frame, _ in walk_tb(error.__traceback__):
        module = _first_argument(frame)
        if not isinstance(module, Module):
            continue
        if hasattr(module, "synthesis") and hasattr(module, "shared"):
            network, own = module, None  # what is around it, as of Fabric, is no part of it
        elif own is None and type(module).__module__.partition(".")[0] not in _OURS:
            own = module
    if own is None:
        return ""
    kind = f"{type(own).__module__}.{type(own).__qualname__}"
    paths = (path for path, module in network.named_modules() if module is own) if network else ()
    path = next(iter(paths), "")
    return f"{_place(path)} ({kind})" if path else kind


def _first_argument(frame: Any) -> Any:
    """Of the function that a frame is of: `self` in a method, whatever it is called."""
    code = frame.f_code
    return frame.f_locals.get(code.co_varnames[0]) if code.co_argcount else None


def _place(path: str) -> str:
    """Of a module in a network, as variants call it."""
    kind, _, rest = path.partition(".")
    if kind == "synthesis":
        child = rest.partition(".")[2]
        return OF_SYNTHESIS.get(child, child) or path
    for pattern, place in _OF_SHARED:
        if match := re.fullmatch(pattern, rest):
            return match.expand(place)
    return path
