"""Why work is done again: what differs between a run that is about to begin and those on record."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from jpegai_bench.metrics.asked import asked_of
from jpegai_bench.system.wording import count

_MOST = 3
"""Names told in one reason; of more the number."""


def reason_to_measure(manifest: Mapping[str, Any], earlier: Sequence[Mapping[str, Any]]) -> str:
    """What of `manifest` no earlier run has, in a few words.

    Args:
        manifest: the manifest of the run: codec, sources, metrics, images, rates.
        earlier: manifests of the same label on the same data set, the newest last; `status` is the state, as
            `killed`, and `holder` who is at work on one that is `running`.
    """
    if not earlier:
        return "not measured before"
    if all(manifest.get(part) == earlier[-1].get(part) for part in _PARTS):
        return _unfinished(earlier[-1])
    nearest = max(earlier, key=lambda run: (_alike(manifest, run), str(run.get("start"))))
    reasons = [
        *_codec(manifest, nearest),
        *_metrics(manifest, nearest),
        *_images(manifest, nearest),
        *_rates(manifest, nearest),
    ]
    return "; ".join(reasons) or "units were removed from the store"


def _unfinished(run: Mapping[str, Any]) -> str:
    """Why units of a run are missing that is the same."""
    status = run.get("status")
    if status == "running":
        return f"{run.get('holder', 'another process')} is measuring the same"
    if status == "failed":
        return f"the run before failed: {run.get('error', 'no reason on record')}"
    if status == "done" and run.get("failures"):
        return f"the run before left out {count(len(run['failures']), 'image')}"
    return f"the run before was {status}" if status == "killed" else "its units were removed from the store"


_PARTS = ("codec", "metrics", "metrics_only", "images", "rates", "qualities", "targets")
"""What makes two runs the same."""


def _alike(manifest: Mapping[str, Any], run: Mapping[str, Any]) -> int:
    """In how many parts two manifests agree."""
    return sum(manifest.get(part) == run.get(part) for part in _PARTS)


def _codec(new: Mapping[str, Any], old: Mapping[str, Any]) -> Iterable[str]:
    before, now = old.get("codec") or {}, new.get("codec") or {}
    for part in sorted(before.keys() | now.keys()):
        if before.get(part) == now.get(part):
            continue
        if part == "source" and old.get("sources") and new.get("sources"):
            yield f"source changed: {_listed(_differing(old['sources'], new['sources']))}"
        elif part in ("source", "structure"):
            yield f"{part} changed"
        else:
            yield f"{part.replace('_', ' ')} changed ({before.get(part, 'none')} to {now.get(part, 'none')})"


def _metrics(new: Mapping[str, Any], old: Mapping[str, Any]) -> Iterable[str]:
    changed = _differing(old.get("metrics") or {}, new.get("metrics") or {})
    if changed:
        yield f"metrics changed: {_listed(changed)}"
    before = asked_of(old)
    if added := [name for name in asked_of(new) if name not in before]:
        yield f"further metrics: {_listed(added)}"


def _images(new: Mapping[str, Any], old: Mapping[str, Any]) -> Iterable[str]:
    before, now = old.get("images") or {}, new.get("images") or {}
    hashes = set(before.values())
    changed = [name for name, pixels in now.items() if pixels not in hashes and name in before]
    added = [name for name, pixels in now.items() if pixels not in hashes and name not in before]
    if changed:
        yield f"other pixels: {_listed(changed)}"
    if added:
        yield f"new images: {_listed(added)}"


def _rates(new: Mapping[str, Any], old: Mapping[str, Any]) -> Iterable[str]:
    for kind, words in (("qualities", "new qualities"), ("targets", "new targets")):
        added = sorted(set(new.get(kind) or ()) - set(old.get(kind) or ()))
        if added:
            yield f"{words}: {_listed(f'{rate:g}' for rate in added)}"


def _differing(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    return sorted(name for name in old.keys() | new.keys() if old.get(name) != new.get(name))


def _listed(names: Iterable[str]) -> str:
    listed = list(names)
    first = ", ".join(listed[:_MOST])
    return first if len(listed) <= _MOST else f"{first} and {len(listed) - _MOST} more"
