"""Time and memory of `tables` as pictures become many: a measured run, its rows repeated under other names.

pytest -m benchmark -s tests/benchmarks/test_tables_growth.py
"""

import json
import os
import shutil
from pathlib import Path

import pandas as pd
import pytest
from command import PROGRAM, bench

from jpegai_bench.store.keys import content_key

pytestmark = pytest.mark.benchmark
VARIANTS = 7
PICTURES = (24, 240, 2400)


def grown(source: Path, target: Path, pictures: int, label: str) -> None:
    """A run of two pictures as one of many, which a variant `label` might have had."""
    manifest = json.loads((source / "run.json").read_text())
    points = pd.read_csv(source / "points.csv")
    copies = range(pictures // len(manifest["images"]))
    images = {
        f"{n}-{name}": content_key([key, n]) for n in copies for name, key in manifest["images"].items()
    }
    frames = [
        points.assign(image=f"{n}-" + points["image"], bpp=points["bpp"] * (1 + 1e-5 * n)) for n in copies
    ]
    target.mkdir(parents=True)
    pd.concat(frames).to_csv(target / "points.csv", index=False)
    told = {"label": label, "images": images, "images_key": content_key(images)}
    (target / "run.json").write_text(json.dumps({**manifest, **told}))
    if (source / "complexity.json").exists():
        shutil.copy(source / "complexity.json", target)


def of_tables(results: Path) -> tuple[float, float]:
    """Seconds of processor time and peak MB of rebuilding the tables."""
    command = [
        PROGRAM,
        "tables",
        "dataset=sample",
        f"results={results}",
    ]
    quiet = [(os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0)]
    pid = os.posix_spawn(command[0], command, os.environ, file_actions=quiet)
    _, status, used = os.wait4(pid, 0)
    assert status == 0
    return used.ru_utime + used.ru_stime, used.ru_maxrss / 1024


def test_tables_grow_with_pictures_and_no_faster(tmp_path):
    done = bench("sweep", "+variant=base,combined", "dataset=sample", "dataset.limit=2", cwd=tmp_path)
    assert done.code == 0, done.err
    [base], [combined], [anchor] = (
        (tmp_path / "results").glob(where) for where in ("runs/base/*", "runs/combined/*", "anchors/*/*")
    )
    seconds = {}
    for pictures in PICTURES:
        results = tmp_path / str(pictures)
        grown(anchor, results / anchor.relative_to(tmp_path / "results"), pictures, anchor.parent.name)
        grown(base, results / "runs/base" / base.name, pictures, "base")
        for number in range(1, VARIANTS):
            grown(combined, results / f"runs/v{number}" / combined.name, pictures, f"v{number}")
        seconds[pictures], memory = of_tables(results)
        print(f"{pictures} pictures, {VARIANTS} variants: {seconds[pictures]:.1f} s, {memory:.0f} MB")
    few, some, many = seconds.values()
    assert (many - some) / (some - few) < 15  # ten times as many more
