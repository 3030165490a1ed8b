"""The commands that make again what a page shows, or what it lacks."""

import shlex
from collections.abc import Sequence
from typing import Any

from jpegai_bench.images.datasets import NAMES
from jpegai_bench.store.store import Run

_DEFAULT_ANCHORS = ["vvc"]


def run_command(run: Run, results: str) -> str:
    """What a variant was run by, written as the user would."""
    config = _config(run)
    words = [
        f"+variant={run.label}",
        *_data_words(run),
        *_unless("model", run.manifest.get("model"), "small"),
    ]
    words += _unless("weights", run.manifest.get("weights"), "shipped")
    for key in ("qualities", "targets"):
        if config.get(key) is not None:
            words.append(f"{key}={_listed(config[key])}")
    words += ["rates=target"] if run.rates == "target" else []
    anchors = list(config.get("anchor") or _DEFAULT_ANCHORS)
    if anchors != _DEFAULT_ANCHORS:
        words.append(f"anchor={_listed(anchors)}")
    return _command("run", words, results)


def first_run_command(dataset: str | None, model: str | None, results: str) -> str:
    """What fills a store that has nothing yet."""
    words = [
        "+variant=base,combined",
        *(_by_name(dataset) if dataset else []),
        *_unless("model", model, "small"),
    ]
    return _command("run", ["-m", *words], results)


def anchor_command(label: str, dataset: str, like: Run | None, results: str) -> str:
    """What measures a codec on the pictures of a run, whatever ships."""
    words = _by_name(dataset) if like is None else _data_words(like)
    return _command("anchor", [f"codec={label}", *words], results)


def latency_command(run: Run, results: str) -> str:
    """What times a variant on the pictures of its run."""
    model = _unless("model", run.manifest.get("model"), "small")
    weights = _unless("weights", run.manifest.get("weights"), "shipped")
    return _command("latency", [f"+variant={run.label}", *_data_words(run), *model, *weights], results)


def rebuild_command(
    command: str, dataset: str, model: str | None, anchors: Sequence[str], results: str
) -> str:
    """`tables`, `plots` or `report` of one study."""
    words = [*_by_name(dataset), *_unless("model", model, "small"), f"anchor={_listed(anchors)}"]
    return _command(command, words, results)


def _by_name(dataset: str) -> list[str]:
    """Of a folder nobody knows here where it is: what only reads the store needs no more than its name."""
    return [f"dataset={dataset}"] if dataset in NAMES else ["dataset=folder", f"dataset.path={dataset}"]


def _data_words(run: Run) -> list[str]:
    chosen = _config(run).get("dataset")
    if not isinstance(chosen, dict) or not chosen.get("name"):
        return _by_name(str(run.manifest.get("dataset")))
    words = [f"dataset={chosen['name']}"]
    return words + [
        f"dataset.{key}={chosen[key]}" for key in ("path", "limit") if chosen.get(key) is not None
    ]


def _config(run: Run) -> dict[str, Any]:
    config = run.manifest.get("config")
    return config if isinstance(config, dict) else {}


def _unless(key: str, value: Any, default: str) -> list[str]:
    return [] if value in (None, "", default) else [f"{key}={value}"]


def _listed(values: Sequence[Any]) -> str:
    told = [f"{value:g}" if isinstance(value, float) else str(value) for value in values]
    return told[0] if len(told) == 1 and not told[0][:1].isdigit() else f"[{','.join(told)}]"


def _command(name: str, words: Sequence[str], results: str) -> str:
    where = [] if results == "results" else [f"results={results}"]
    return " ".join(["jpegai-bench", name, *(shlex.quote(word) for word in (*words, *where))])
