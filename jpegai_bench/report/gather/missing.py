"""Variants of an experiment that have no finished run beside the others: why, and what makes them."""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from jpegai_bench.config.folders import CONF
from jpegai_bench.report.gather.codec_points import MAIN_ANCHOR, chosen_by
from jpegai_bench.store.store import Run, Store


@dataclass(frozen=True)
class Missing:
    """A variant without a row of figures."""

    variant: str
    status: str
    """`failed`, `running`, `killed`, `other` (of other images or versions of the metrics), `not run`."""
    told: str
    """Why there is no figure, for people."""


def missing(store: Store, variants: Sequence[str], there: Sequence[Run]) -> list[Missing]:
    """What keeps each of the variants from standing beside `there`, the runs that can be compared."""
    labels = {run.label for run in there}
    runs = [run for run in store.runs() if _alike(run, there[-1])] if set(variants) - labels else []
    absent = [variant for variant in variants if variant not in labels]
    return [_missing(variant, [run for run in runs if run.label == variant]) for variant in absent]


def command(missing: Sequence[Missing], like: Run, store: Store, config_folders: Sequence[str]) -> str:
    """The command that makes the missing runs, on what the run `like` was made on."""
    several = ["-m"] if len(missing) > 1 else []
    words = [*several, f"+variant={','.join(one.variant for one in missing)}", *_settings(like)]
    if str(store.root) != "results":
        words.append(f"results={store.root}")
    here = Path.cwd()
    folders = (Path(f).relative_to(here) if Path(f).is_relative_to(here) else f for f in config_folders)
    words += [f"--config-dir={folder}" for folder in folders]
    return " ".join(["jpegai-bench run", *(word if "…" in word else shlex.quote(word) for word in words)])


def _settings(run: Run) -> list[str]:
    """The overrides that a run was made with, as far as they decide its points."""
    config = run.manifest.get("config") or {}
    dataset, model = config.get("dataset") or {}, config.get("model") or {}
    named = f"dataset={dataset.get('name')}"
    words = (
        [named, f"dataset.path={dataset['path']}"]
        if dataset.get("path")
        else chosen_by(str(run.manifest.get("dataset"))).split(" ")
    )
    if dataset.get("limit") is not None:
        words.append(f"dataset.limit={dataset['limit']}")
    words += [f"model={run.manifest.get('model')}", *_changed("model", str(model.get("name")), model)]
    if (weights := config.get("weights", "shipped")) != "shipped":
        words.append(f"weights={weights}")
    if weights == "train":
        words += _changed("training", "small", config.get("training") or {})
    words += ["rates=target"] if run.rates == "target" else []
    words += [f"{key}={_written(config[key])}" for key in ("qualities", "targets") if config.get(key)]
    if anchors := [label for label in config.get("anchor") or {} if label != MAIN_ANCHOR]:
        words.append(
            f"anchor={_written(list(config['anchor'])) if len(config['anchor']) > 1 else anchors[0]}"
        )
    return words


def _changed(group: str, name: str, values: dict[str, Any]) -> list[str]:
    """What differs from the configuration of that name."""
    default = _composed(CONF / group, name)
    return [
        f"{group}.{key}={_written(value)}"
        for key, value in values.items()
        if key in default and value != default[key]
    ]


def _composed(folder: Path, name: str) -> dict[str, Any]:
    """A YAML over those of its group that its defaults name."""
    path = folder / f"{name}.yaml"
    if not path.is_file():
        return {}
    content = OmegaConf.to_container(OmegaConf.load(path))
    assert isinstance(content, dict)
    parents = [parent for parent in content.pop("defaults", []) if parent != "_self_"]
    below = [_composed(folder, parent) for parent in parents]
    return {str(key): value for layer in [*below, content] for key, value in layer.items()}


def _written(value: Any) -> str:
    """As Hydra's grammar has it."""
    if isinstance(value, list):
        return f"[{','.join(map(_written, value))}]"
    if value is None or isinstance(value, bool):
        return str(value).lower().replace("none", "null")
    return f"{value:g}" if isinstance(value, float) else str(value)


def _alike(run: Run, newest: Run) -> bool:
    """Whether it was to be of the same data set, preset and kind of rates."""
    same = all(run.manifest.get(key) == newest.manifest.get(key) for key in ("dataset", "model"))
    return same and run.rates == newest.rates


def _missing(variant: str, runs: Sequence[Run]) -> Missing:
    if not runs:
        return Missing(variant, "not run", f"{variant} was not run")
    last = max(runs, key=lambda run: str(run.manifest.get("start") or run.manifest.get("end")))
    manifest = last.manifest
    if last.state == "running":
        where = f"process {manifest.get('pid')} on {manifest.get('host')}"
        return Missing(variant, "running", f"{variant} is being run since {manifest.get('start')} ({where})")
    if last.state == "failed":
        lines = str(manifest.get("error")).strip().splitlines() or ["no reason is on record"]
        return Missing(variant, "failed", f"{variant} failed: {lines[0]}")
    if last.state == "killed":
        return Missing(variant, "killed", f"the run of {variant} was killed")
    return Missing(variant, "other", f"{variant} was run on other images or by other versions of the metrics")
