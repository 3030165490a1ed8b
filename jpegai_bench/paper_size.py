"""A variant's kMACs/pixel at the size of the paper, beside a run at any size."""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from jpegai_bench.config import CONF, ModelSettings, Settings, Variant, structure_of, variant_of
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
        scaled = _at_preset(settings, PRESET)
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
        return {"reason": f"not counted at model={PRESET}: {error}"}


def _at_preset(settings: Settings, name: str) -> Settings:
    """The same settings and variant under a model preset of the package.

    Raises:
        BenchError: the variant refers to more than the preset, or is not the one that was written.
    """
    preset = OmegaConf.to_container(OmegaConf.load(CONF / "model" / f"{name}.yaml"))
    assert isinstance(preset, dict)
    if _resolved(settings, vars(settings.model)) != settings.variant:
        raise BenchError("how the variant depends on the size is not known")
    model = ModelSettings(**{str(key): value for key, value in preset.items()})
    return replace(settings, model=model, variant=_resolved(settings, vars(model)))


def _resolved(settings: Settings, model: dict[str, Any]) -> dict[str, Any]:
    """The variant as it was written, at the structural numbers of a model."""
    try:
        joined = OmegaConf.create({"model": model, "variant": settings.variant_written})
        variant = OmegaConf.to_container(joined.variant, resolve=True)
    except OmegaConfBaseException as error:
        raise BenchError(f"variant: {str(error.msg or error).splitlines()[0]}") from None
    assert isinstance(variant, dict)
    return {str(key): value for key, value in variant.items()}
