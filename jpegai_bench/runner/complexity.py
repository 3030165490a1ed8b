"""kMACs/pixel of a variant for the store: at the size of a run, and beside it at the size of the paper.

Counting takes seconds; what a run of the variant has, by the same structure and code, is taken.
"""

from collections.abc import Callable
from dataclasses import replace
from importlib.metadata import version
from typing import Any

from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from jpegai_bench.codecs.fingerprint import source_hash
from jpegai_bench.config.folders import CONF
from jpegai_bench.config.schema import ModelSettings, Settings
from jpegai_bench.config.variants import Variant, structure_of, variant_of
from jpegai_bench.errors import BenchError
from jpegai_bench.fingerprint.dependencies import reached
from jpegai_bench.store.keys import content_key
from jpegai_bench.store.store import Store

PRESET = "paper"

Count = Callable[[Settings, Variant], dict[str, Any]]


def counts(settings: Settings, variant: Variant, store: Store) -> dict[str, Any]:
    """What `complexity.json` holds: `complexity_summary`, and at `model=paper` as `paper_size`.

    Of a variant that cannot be counted `reason` stands instead of the summary.

    Raises:
        BenchError: a module does not fit.
    """
    try:
        summary = _stored_or_counted(settings, variant, store, complexity_summary)
    except BenchError as error:
        variant.modules(settings.model.network_size())
        summary = {"reason": str(error)}
    return {**summary, "paper_size": paper_size_summary(settings, store)}


def complexity_summary(settings: Settings, variant: Variant) -> dict[str, Any]:
    """The figures of the luma synthesis, and all parts, as plain data."""
    from jpegai_bench.analysis.complexity import measure

    size = settings.model.network_size()
    measured = measure(size, variant.modules(size))
    luma = measured.luma_synthesis
    return {
        "variant": variant.name,
        "model": settings.model.name,
        "published_kmacs_px": luma.published,
        "input_size_kmacs_px": luma.input_size,
        "all_kmacs_px": luma.all,
        "elementwise_kops_px": luma.elementwise,
        "params_m": luma.params / 1e6,
        "paper_kmacs_px": variant.paper_kmacs_px if settings.model.name == PRESET else None,
        "parts": {name: part.published for name, part in measured.luma.items()},
        "detail": measured.as_dict(),
    }


def paper_size_summary(settings: Settings, store: Store, count: Count = complexity_summary) -> dict[str, Any]:
    """What `count` makes of the chosen variant at `model=paper`, or `reason` why it cannot."""
    try:
        scaled = _at_preset(settings, PRESET)
        return _stored_or_counted(scaled, variant_of(scaled), store, count)
    except BenchError as error:
        return {"reason": f"not counted at model={PRESET}: {error}"}


def _stored_or_counted(settings: Settings, variant: Variant, store: Store, count: Count) -> dict[str, Any]:
    """What a run in the store has of the same structure and code: `key`; else counted now."""
    structure = structure_of(settings, variant)
    code = [source_hash(structure), reached(["jpegai_bench.analysis.complexity.measure"])]
    key = content_key([settings.model.name, structure, variant.paper_kmacs_px, code, version("torch")])
    for run in store.runs("runs"):
        if run.label == variant.name:
            stored = run.complexity() or {}
            for counted in (stored, stored.get("paper_size") or {}):
                if counted.get("key") == key:
                    return {name: value for name, value in counted.items() if name != "paper_size"}
    return {**count(settings, variant), "key": key}


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
