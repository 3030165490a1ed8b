"""R-D points that real codecs could have: plausible in level and slope, and with a known BD-rate."""

import json

import numpy as np
import pandas as pd

from jpegai_bench.metrics.catalogue import METRICS
from jpegai_bench.report.gather.study import Entry, Study
from jpegai_bench.store.keys import content_key
from jpegai_bench.store.store import Store

LEVELS = {  # value at 0.25 bpp, change per doubling of the rate, spread between images
    "ms_ssim": (0.955, 0.017, 0.006),
    "fsim": (0.975, 0.010, 0.004),
    "nlpd": (0.26, -0.055, 0.020),
    "iw_ssim": (0.945, 0.022, 0.008),
    "vmaf": (72.0, 9.5, 3.0),
    "vif": (0.42, 0.105, 0.030),
    "psnr_hvs_m": (31.5, 3.0, 1.2),
    "psnr_hvs": (29.0, 2.7, 1.2),
    "psnr_y": (30.5, 2.2, 1.5),
    "psnr_u": (38.5, 1.1, 1.0),
    "psnr_v": (39.0, 1.1, 1.0),
    "psnr_rgb": (29.0, 2.0, 1.5),
}
KMACS = {
    "base": (852.096, 780.384, 780.384),
    "attention_cs": (215.061, 177.909, 184.053),
    "attention_ds": (257.550, 192.750, 198.894),
    "upsampling": (809.088, 773.664, 773.664),
    "activation": (852.096, 780.384, 780.384),
    "combined": (172.053, 171.189, 177.333),
    "combined_ds": (214.542, 186.030, 192.174),
}
SAVINGS = {
    "base": 27.3,
    "attention_cs": 26.5,
    "attention_ds": 25.9,
    "upsampling": 27.1,
    "activation": 27.2,
    "combined": 27.5,
    "combined_ds": 26.1,
}


def points(
    rate_factor=1.0, images=24, rates=(0.06, 0.12, 0.25, 0.5, 0.75), scatter=0.0, seed=0
) -> pd.DataFrame:
    """Points whose BD-rate against `points()` is `(rate_factor - 1) * 100` for every metric, plus scatter."""
    own, shared = np.random.default_rng(seed), np.random.default_rng(7)
    rows = []
    for number in range(images):
        place = dict(zip(LEVELS, shared.normal(size=len(LEVELS)), strict=True))
        factor = rate_factor * np.exp(scatter * own.normal())
        for quality, rate in enumerate(rates):
            octaves = np.log2(rate / 0.25)
            values = {
                name: level + spread * place[name] + step * (octaves - 0.06 * octaves**2)
                for name, (level, step, spread) in LEVELS.items()
            }
            rows.append(
                {"image": f"kodim{number + 1:02d}", "width": 768, "height": 512, "quality": float(quality),
                 "target_bpp": np.nan, "bpp": rate * factor, "estimated_bpp": np.nan, **values,
                 "encode_s": 1.0, "decode_s": 1.0}
            )  # fmt: skip
    frame = pd.DataFrame(rows)
    assert set(LEVELS) == {metric.name for metric in METRICS}
    return frame


def variant(like: str, number: int = 0, **overrides) -> Entry:
    published, input_size, all_macs = KMACS[like]
    figures = {
        "label": like,
        "kind": "variant",
        "points": points(1 - SAVINGS[like] / 100, scatter=0.04, seed=number),
        "complexity": {
            "published_kmacs_px": published,
            "input_size_kmacs_px": input_size,
            "all_kmacs_px": all_macs,
            "params_m": 4.2,
            "paper_kmacs_px": {"base": 833.0, "combined": 172.1}.get(like),
            "parts": {"attention": 0.7 * published, "upsampling": 0.3 * published},
        },
        "decode_s": 3.61 if like == "base" else None,
        "model": "paper",
    }
    return Entry(**(figures | overrides))


def study(**overrides) -> Study:
    """Seven variants, VVC as the anchor, JPEG beside it."""
    vvc = Entry(
        "vvc",
        "codec",
        points(rates=(0.03, 0.06, 0.12, 0.25, 0.5, 1.0, 2.0, 3.0)),
        note="libvvenc 1.11.1, preset medium, 4:2:0 10 bit",
        chroma="4:2:0",
    )
    jpeg = Entry(
        "jpeg", "codec", points(2.6, rates=(0.08, 0.15, 0.3, 0.6, 1.2)), note="Pillow 10.4, 4:2:0 8 bit"
    )
    entries = (*(variant(label, number) for number, label in enumerate(KMACS)), vvc, jpeg)
    figures = {
        "entries": entries,
        "anchors": ("vvc",),
        "base": "base",
        "dataset": "kodak",
        "title": "Kodak",
        "hvs": "hvs_m",
        "method": "pchip",
    }
    return Study(**(figures | overrides))


WEIGHTS_NOTE = {"recipe": {"seed": 0, "steps": 3000}, "photographs": "of one kind"}


def fill_store(root, labels=tuple(KMACS), images=24, seeds=None, model="small", **manifest) -> Store:
    """A results folder with a finished run of each variant on `kodak` against VVC, as `run` leaves them.

    `seeds` has several training seeds of a variant, the last the newest.
    """
    store = Store(root)
    names = {f"kodim{number + 1:02d}": f"pixels {number}" for number in range(images)}
    alike = {"dataset": "kodak", "images": names, "images_key": content_key(names), "metrics": {"vif": "1"}}
    vvc = points(rates=(0.03, 0.06, 0.12, 0.25, 0.5, 1.0, 2.0, 3.0), images=images)
    anchor = {"label": "vvc", "note": "vvenc 1.15.0 medium, 4:2:0 10 bit", "chroma": "4:2:0", "key": "0"}
    store.write_run(
        store.run_folder("anchors", "vvc", "0"), {**anchor, **alike, "status": "done", "end": "2026-01"}, vvc
    )
    for number, label in enumerate(labels):
        for seed in (seeds or {}).get(label, (0,)):
            counts = variant(label).complexity
            small = {key: v / 10 for key, v in counts.items() if isinstance(v, float)}
            parts = {name: part / 10 for name, part in counts["parts"].items()}
            complexity = {**small, "paper_kmacs_px": None, "parts": parts, "paper_size": counts}
            note = {**WEIGHTS_NOTE, "recipe": {**WEIGHTS_NOTE["recipe"], "seed": seed}}
            about = {
                "label": label,
                "model": model,
                "rates": "quality",
                "weights": "shipped",
                "codec": {"shared_weights": "e", "synthesis_weights": f"{label}{seed}", "structure": "s"},
                "trained": {"synthesis": note, "shared": WEIGHTS_NOTE},
                "anchors": ["anchors/vvc/0"],
                "config": {"dataset": {"name": "kodak", "path": None, "limit": None}, "weights": "shipped"},
                "start": f"2026-02-{number:02d}T{seed:02d}",
                "end": f"2026-03-{number:02d}T{seed:02d}",
            }
            key = f"{number}{seed}"
            own = points(1 - SAVINGS[label] / 100 + 0.004 * seed, images, scatter=0.04, seed=number)
            whole = {**about, **alike, "key": key, "status": "done", **manifest}
            store.write_run(store.run_folder("runs", label, key), whole, own, complexity)
    return store


def add_times(store: Store, label: str, seconds: float, host: str = "bench") -> None:
    """A `latency.json` of the newest run of a variant, as `latency` leaves it."""
    run = [run for run in store.runs() if run.label == label][-1]
    times = {
        **{name: run.manifest[name] for name in ("label", "codec", "images_key")},
        "busy": False,
        "host": host,
        "machine": {"cpu": "a CPU"},
        "summary": {"decode_s": seconds},
        "end": "2026-04",
    }
    folder = store.run_folder("latency", label, host)
    folder.mkdir(parents=True)
    (folder / "latency.json").write_text(json.dumps(times))
