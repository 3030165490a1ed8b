"""A store as runs leave it, filled with the plausible points of `synthetic`: BD-rates are known and sound."""

import json

import numpy as np
import synthetic
from command import bench

from jpegai_bench.store.keys import content_key

METRICS = {"source": "of this test"}
IMAGES = {f"kodim{number:02d}": f"pixels of {number}" for number in range(1, 25)}
TIMED = {"base": 3.61, "combined": 1.42}


def make_report(folder, *words):
    """The page of `folder/results`, by the real command."""
    done = bench("report", *words, cwd=folder)
    assert done.code == 0, done.err
    assert done.out == "results/report/index.html\n"
    return folder / "results/report/index.html"


def write_seven(store):
    """Seven variants, VVC as their anchor, JPEG beside them; decode times of two, one score missing."""
    vvc = _run(store, "anchors", synthetic.study().entry("vvc"))
    _run(store, "anchors", synthetic.study().entry("jpeg"))
    for number, label in enumerate(synthetic.KMACS):
        entry = synthetic.variant(label, number)
        if label == "combined_ds":
            entry.points.loc[entry.points.image == "kodim03", "vmaf"] = np.nan
        folder = _run(store, "runs", entry, anchor=vvc)
        if label in TIMED:
            _time(store, label, folder)


def _run(store, kind, entry, anchor=None):
    own = {"label": entry.label, "note": entry.note or "weights paper, encoder 1234", "dataset": "kodak"}
    manifest = {
        **own,
        "key": content_key(own),
        "images": IMAGES,
        "images_key": content_key(IMAGES),
        "metrics": METRICS,
        "codec": {"name": entry.label},
        "rates": "quality",
        "versions": {"torch": "2.9"},
    }
    complexity = None
    if anchor:
        names = [str(anchor.relative_to(store.root))]
        config = {"dataset": {"name": "kodak", "path": None, "limit": None}, "model": {"name": "paper"}}
        manifest |= {"model": "paper", "anchor": names[0], "anchors": names, "config": config}
        complexity = {**entry.complexity, "detail": {"luma": _parts(entry.complexity)}}
    else:
        manifest["chroma"] = entry.chroma
    folder = store.run_folder(kind, entry.label, manifest["key"])
    with store.recorded(folder, manifest) as record:
        record.finish({}, entry.points, complexity)
    return folder


def _parts(complexity):
    """Seven tenths are attention, as in `synthetic`."""
    countings = ("published", "input_size", "all")
    return {
        part: {counting: share * complexity[f"{counting}_kmacs_px"] for counting in countings}
        for part, share in (("attention", 0.7), ("upsampling", 0.3))
    }


def _time(store, label, folder):
    manifest = json.loads((folder / "run.json").read_text())
    seconds = TIMED[label]
    summary = {"decode_s": seconds, "decode_lowest_s": 0.98 * seconds, "decode_highest_s": 1.05 * seconds}
    same = {key: manifest[key] for key in ("codec", "images_key")}
    place = store.run_folder("latency", label, "1")
    place.mkdir(parents=True)
    (place / "latency.json").write_text(json.dumps({**same, "busy": False, "end": "1", "summary": summary}))
