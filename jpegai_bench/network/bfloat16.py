"""A synthesis in bfloat16: under torch's autocast, with channels last in memory."""

import torch
from torch import Tensor, nn

from jpegai_bench.network.blocks import Forward, channels_first

_TAKE_ANY_LAYOUT = ("jpegai_bench", "torch")
"""Packages whose modules do not mind where channels lie."""


def use_bfloat16(synthesis: nn.ModuleDict) -> None:
    """Let each synthesis multiply in bfloat16.

    Weights, names and hooks stay as they are; weights are rounded as they are used.
    """
    _keep_layout_of_others(synthesis)
    for branch in synthesis.values():
        branch.forward = _in_bfloat16(branch.forward)


def _in_bfloat16(forward: Forward) -> Forward:
    def run(y: Tensor) -> Tensor:
        with torch.autocast(y.device.type, torch.bfloat16):
            return forward(y.contiguous(memory_format=torch.channels_last))

    return run


def _keep_layout_of_others(network: nn.Module) -> None:
    for child in network.children():
        if type(child).__module__.partition(".")[0] in _TAKE_ANY_LAYOUT:
            _keep_layout_of_others(child)
        else:
            child.forward = channels_first(child.forward)
