"""The report: one file with everything in it, that loads nothing from anywhere.

    results/report/index.html      results/report/pictures/*.png   (with images=linked)

An equal store gives equal bytes: no time of day is in the page but those of the runs.
"""

import html
import json
from importlib.resources import files
from pathlib import Path
from typing import Any

from jpegai_bench.config.experiment import Experiment
from jpegai_bench.report.gather.studies import Selection
from jpegai_bench.report.page.content import content
from jpegai_bench.report.page.pictures import FOLDER, FULL, Gallery, embedded, linked
from jpegai_bench.store.store import Store
from jpegai_bench.system.files import make_folder, write_bytes
from jpegai_bench.version import __version__

MOST = 25_000_000
"""Bytes of a page with embedded pictures: what mail still takes."""
_SPARE = 500_000
"""Of these, for what is said of each picture."""


def write_page(
    store: Store,
    selection: Selection,
    results: str,
    experiment: Experiment,
    is_whole: bool = True,
    is_linked: bool = False,
) -> Path:
    """Write the page from the store alone; of an empty store it says what makes one.

    Args:
        store: what is shown.
        selection: which studies; all of the store's unless it says.
        results: the folder as the user gives it, for the commands that the page shows.
        experiment: whose paper's figures stand beside.
        is_whole: show all variants, not only those of the experiment.
        is_linked: pictures are lossless and files beside the page, instead of inside it.

    Raises:
        BenchError: the folder cannot be written, or what was asked for by name is not there.
    """
    folder = store.root / "report"
    shown, scenes = content(store, selection, results, experiment, is_whole)
    for study in shown["studies"]:
        study["pictures"] = vars(Gallery())
    room = MOST - _SPARE - len(page(shown))
    pictures = [sum(scene.pictures for scene in study_scenes) for study_scenes in scenes]
    for study, study_scenes, count in zip(shown["studies"], scenes, pictures, strict=True):
        share = room * count // max(sum(pictures), 1)
        gallery = linked(study_scenes, folder / FOLDER) if is_linked else embedded(study_scenes, share)
        study["pictures"] = vars(gallery) | {"full": FULL}
    make_folder(folder)
    path = folder / "index.html"
    write_bytes(path, page(shown).encode())
    if is_linked:
        used = {name for study in shown["studies"] for name in study["pictures"]["files"]}
        for stale in (folder / FOLDER).glob("*.png"):
            if stale.name not in used:
                stale.unlink()
    return path


def page(shown: dict[str, Any]) -> str:
    """The HTML of a page with the data of `content`."""
    from plotly.offline import get_plotlyjs

    names = [study["name"] for study in shown["studies"]]
    assets = files("jpegai_bench.report.page") / "assets"
    scripts = sorted((assets / "js").iterdir(), key=lambda script: script.name)
    parts = {
        "title": html.escape(names[0] if len(names) == 1 else "Report" if names else "Nothing measured yet"),
        "version": html.escape(__version__),
        "images": "data: blob: file: 'self'",
        "css": (assets / "page.css").read_text(encoding="utf-8"),
        "data": _inert(shown),
        "plotly": get_plotlyjs(),
        "script": "\n".join(script.read_text(encoding="utf-8") for script in scripts),
    }
    # Each place once and in its order: what is put in is never searched for places.
    text, pieces = (assets / "page.html").read_text(encoding="utf-8"), []
    while "{{" in text:
        before, _, after = text.partition("{{")
        name, _, text = after.partition("}}")
        pieces += [before, parts[name]]
    return "".join([*pieces, text])


def _inert(data: Any) -> str:
    """JSON that no text in it can end or turn into markup."""
    text = json.dumps(data, allow_nan=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
