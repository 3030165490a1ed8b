"""The parts of a variant's encoding and decoding: where each begins and ends, and its multiplications."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

import torch
from torch import nn

from jpegai_bench.analysis.complexity import by_part, luma_part
from jpegai_bench.codecs.protocol import Work
from jpegai_bench.codecs.stopwatch import Stopwatch
from jpegai_bench.network import coding, entropy
from jpegai_bench.network.cdf_tables import Tables
from jpegai_bench.network.codec import BRANCHES, Network
from jpegai_bench.network.coding import Coder
from jpegai_bench.network.range_coder import Reader, Writer
from jpegai_bench.system.devices import BF16, FLOAT32

EXACT = ("hyper-synthesis", "context model")
"""Computed in exact integers, which are held in float64."""


@contextmanager
def watched(coder: Coder, watch: Stopwatch) -> Iterator[None]:
    """While the context lasts, `watch` times each part; one context at a time in a process."""
    with ExitStack() as stack:
        for part, module in _modules(coder):
            stack.enter_context(watch.module(part, module))
        for part, owner, name in _functions(coder):
            stack.enter_context(watch.function(part, owner, name))
        yield


def work(make_network: Callable[[], Network], precision: str = FLOAT32) -> dict[str, Work]:
    """The multiplications of each part that has some; `precision` is that of the synthesis.

    Raises:
        BenchError: a module under study cannot be counted.
    """
    with torch.device("meta"):
        network = make_network()
    counted = by_part(network)
    return {
        part: Work(counts.all, _dtype(part, precision)) for part, counts in counted.items() if counts.all > 0
    }


def _dtype(part: str, precision: str) -> str:
    """What a part multiplies in, as torch names it."""
    if part in EXACT:
        return "float64"
    return "bfloat16" if precision == BF16 and not part.endswith("analysis") else "float32"


def _modules(coder: Coder) -> Iterator[tuple[str, nn.Module]]:
    shared, synthesis = coder.network.shared, coder.network.synthesis
    for branch in BRANCHES:
        yield f"{branch} analysis", shared[f"analysis_{branch}"]
        yield "hyper-analysis", coder.network.entropy(branch).analysis
    for name, child in synthesis["luma"].named_children():
        yield luma_part(name), child
    yield "chroma synthesis", synthesis["chroma"]


def _functions(coder: Coder) -> Iterator[tuple[str, object, str]]:
    yield "colour conversion", coding, coding.to_planes.__name__
    yield "colour conversion", coding, coding.to_image.__name__
    yield "range coding", Writer, Writer.add.__name__
    yield "range coding", Writer, Writer.finish.__name__
    yield "range decoding", Reader, Reader.read.__name__
    yield "quantisation", coding, coding.quantize.__name__
    yield "quantisation", coding, coding.indexes_of.__name__
    yield "quantisation", coding, coding.dequantize.__name__
    yield "rate estimate", Tables, Tables.bits.__name__
    yield "context model", entropy, entropy.predict.__name__
    yield "context model", entropy, entropy.remember.__name__
    for branch in BRANCHES:
        model = coder.network.entropy(branch)
        yield "hyper-synthesis", model, model.side.__name__
