"""The commands that make again what a page shows, or what it lacks."""

import shlex
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

from jpegai_bench.config.overrides import key_of
from jpegai_bench.report.gather.codec_points import MAIN_ANCHOR, by_name
from jpegai_bench.store.store import Run

_CONFIG_DIR = "--config-dir"
_USUAL = {"model": "small", "weights": "shipped", "rates": "quality"}
_OF_ITS_TIME = ("results", "shards", "shard")
"""What a run was told and need not be told again."""


def run_command(
    run: Run,
    results: str,
    variants: Sequence[str] = (),
    without: Collection[str] = (),
    folders: Sequence[str | Path] | None = None,
) -> str:
    """What a variant was run by, as it was typed; or what runs others likewise.

    Args:
        run: of the variant.
        results: the folder as the user gives it.
        variants: which to run instead.
        without: groups and settings that are left out.
        folders: of configurations, instead of those that the run was made with.
    """
    words = _typed(run, without=(*_OF_ITS_TIME, *without))
    if variants:
        several = ["-m"] if len(variants) > 1 else []
        other_words = [word for word in words if _group(word) != "variant"]
        words = [*several, f"+variant={','.join(variants)}", *other_words]
    if folders is not None:
        words = [word for word in words if _group(word) != _CONFIG_DIR]
        words += [f"{_CONFIG_DIR}={folder}" for folder in folders]
    return _command("run", words, results)


def first_run_command(dataset: str | None, model: str | None, results: str) -> str:
    """What fills a store that has nothing yet."""
    chosen_words = [*(by_name(dataset) if dataset else []), *_unusual({"model": model})]
    return _command("run", ["-m", "+variant=base,combined", *chosen_words], results)


def anchor_command(label: str, dataset: str, like: Run | None, results: str) -> str:
    """What measures a codec on the pictures of a run, whatever ships."""
    typed = [] if like is None else _typed(like, ("dataset", "metrics"))
    words = typed if any(_group(word) == "dataset" for word in typed) else [*by_name(dataset), *typed]
    return _command("anchor", [f"codec={label}", *words], results)


def latency_command(run: Run, results: str) -> str:
    """What times a variant on the pictures of its run."""
    return _command("latency", _typed(run, ("variant", "dataset", "model", "weights", _CONFIG_DIR)), results)


def rebuild_command(
    command: str, dataset: str, model: str | None, anchors: Sequence[str], results: str
) -> str:
    """`tables`, `plots` or `report` of one study."""
    words = [*by_name(dataset), *_unusual({"model": model}), f"anchor={_listed(anchors)}"]
    return _command(command, words, results)


def _typed(run: Run, groups: Collection[str] = (), without: Collection[str] = ()) -> list[str]:
    """The overrides of a run, all or those of some groups; of older runs what decides most."""
    words = run.manifest.get("overrides")
    words = list(map(str, words)) if isinstance(words, list) else _guessed(run)
    return [
        word
        for word in words
        if _group(word) not in without
        and key_of(word) not in without
        and (not groups or _group(word) in groups)
    ]


def _guessed(run: Run) -> list[str]:
    config = run.manifest.get("config") or {}
    dataset = config.get("dataset")
    if isinstance(dataset, dict) and dataset.get("name"):
        dataset_words = [f"dataset={dataset['name']}"]
        dataset_words += [
            f"dataset.{key}={dataset[key]}" for key in ("path", "limit") if dataset.get(key) is not None
        ]
    else:
        dataset_words = by_name(str(run.manifest.get("dataset")))
    rates = [f"{key}={_listed(config[key])}" for key in ("qualities", "targets") if config.get(key)]
    labels = list(config.get("anchor") or [MAIN_ANCHOR])
    anchors = [] if labels == [MAIN_ANCHOR] else [f"anchor={_listed(labels)}"]
    return [f"+variant={run.label}", *dataset_words, *_unusual(run.manifest), *rates, *anchors]


def _group(word: str) -> str:
    return key_of(word).partition(".")[0]


def _unusual(settings: Any) -> list[str]:
    return [
        f"{key}={settings[key]}"
        for key, usual in _USUAL.items()
        if settings.get(key) not in (None, "", usual)
    ]


def _listed(values: Sequence[Any]) -> str:
    words = [f"{value:g}" if isinstance(value, float) else str(value) for value in values]
    return words[0] if len(words) == 1 and not words[0][:1].isdigit() else f"[{','.join(words)}]"


def _command(name: str, words: Sequence[str], results: str) -> str:
    where = [] if results == "results" else [f"results={results}"]
    return " ".join(["jpegai-bench", name, *(shlex.quote(word) for word in (*words, *where))])
