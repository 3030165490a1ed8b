"""A variant's kMACs/pixel at the size of the paper, beside a run at any size."""

import json
from collections.abc import Callable
from typing import Any

from jpegai_bench.config import Settings, Variant, at_preset, structure_of, variant_of
from jpegai_bench.errors import BenchError
from jpegai_bench.sources import code_hash
from jpegai_bench.store import Store, content_key

PRESET = "paper"


def paper_size_summary(
    settings: Settings, store: Store, count: Callable[[Settings, Variant], dict[str, Any]]
) -> dict[str, Any]:
    """What `count` makes of the chosen variant at `model=paper`, or `reason` why it cannot.

    Counting takes seconds, so what a run of the variant in the store has is taken where structure and code
    are the same: `key`.
    """
    from jpegai_bench.analysis import complexity
    from jpegai_bench.codecs.learned import source_hash

    try:
        scaled = at_preset(settings, PRESET)
        variant = variant_of(scaled)
        sources = [
            source_hash(variant.modules(scaled.model.network_size())),
            code_hash([complexity.__file__]),
        ]
        key = content_key([structure_of(scaled, variant), variant.paper_kmacs_px, sources])
        for path in store.root.glob(f"runs/{variant.name}/*/complexity.json"):
            try:
                found = json.loads(path.read_text()).get("paper_size") or {}
            except (OSError, ValueError, AttributeError):
                continue
            if found.get("key") == key:
                return dict(found)
        return {**count(scaled, variant), "key": key}
    except BenchError as error:
        return {"reason": f"cannot be built at model={PRESET}: {error}"}
