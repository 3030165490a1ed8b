"""What decides the results of a variant: weights, structure, source. Found without torch."""

from collections.abc import Mapping
from typing import Any

from jpegai_bench.fingerprint.dependencies import reached
from jpegai_bench.network.weight_files import WeightIds
from jpegai_bench.store.keys import content_key
from jpegai_bench.system.devices import FLOAT32

_CODEC = (
    "jpegai_bench.network.bitstream.Bitstream",
    "jpegai_bench.network.codec.Network",
    "jpegai_bench.network.coding.Coder",
    "jpegai_bench.network.weights.load",
)
"""What stands between image and bytes for every variant."""
_IN_BF16 = "jpegai_bench.network.bfloat16.use_bfloat16"


def fingerprint(ids: WeightIds, structure: Mapping[str, Any], precision: str = FLOAT32) -> dict[str, str]:
    """What names the results of a variant.

    Args:
        ids: of its weights.
        structure: structural numbers and modules, as `config.variants.structure_of` has them.
        precision: what its synthesis computes in; float32 goes without saying.
    """
    return {
        "shared_weights": ids.shared,
        "synthesis_weights": ids.synthesis,
        "structure": repr(sorted(structure.items())),
        "source": source_hash(structure, precision),
        **({} if precision == FLOAT32 else {"precision": precision}),
    }


def source_hash(structure: Mapping[str, Any], precision: str = FLOAT32) -> str:
    """Hash of `sources`."""
    return content_key(sources(structure, precision))


def sources(structure: Mapping[str, Any], precision: str = FLOAT32) -> dict[str, str]:
    """Name and hash of every part of the source behind a variant, as `dependencies.reached` finds them."""
    targets = [node["_target_"] for node in structure["modules"].values()]
    return reached([*_CODEC, *targets, *([] if precision == FLOAT32 else [_IN_BF16])])
