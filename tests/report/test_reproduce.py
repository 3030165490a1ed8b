from pathlib import Path

from command import RUN

from jpegai_bench.report.gather.reproduce import anchor_command, latency_command, run_command
from jpegai_bench.store.store import Run, Store

WORDS = ["+variant=mine", "variant.activation=x", "dataset=folder", "dataset.path=a b", "qualities=[0,1]",
         "results=there", "shards=3", "weights=train", "pictures=0", "--config-dir=conf"]  # fmt: skip


def run(**manifest):
    return Run(Path("results/runs/mine/1"), {"label": "mine", "dataset": "photos", **manifest})


def test_a_run_is_made_again_by_the_words_that_it_was_made_by():
    typed = run(overrides=WORDS)
    data = "dataset=folder 'dataset.path=a b'"
    rest = f"{data} 'qualities=[0,1]' weights=train pictures=0"
    own = "+variant=mine variant.activation=x"
    assert run_command(typed, "here") == f"jpegai-bench run {own} {rest} --config-dir=conf results=here"
    others = run_command(typed, "results", ["base", "ours"], ("pictures", "qualities"), ["c"])
    assert others == f"jpegai-bench run -m +variant=base,ours {data} weights=train --config-dir=c"
    assert latency_command(typed, "results") == (
        f"jpegai-bench latency {own} {data} weights=train --config-dir=conf"
    )
    assert anchor_command("jpeg", "photos", typed, "results") == f"jpegai-bench anchor codec=jpeg {data}"


def test_of_a_run_without_them_what_decides_most_is_said():
    config = {"dataset": {"name": "folder", "path": "p", "limit": 2}, "qualities": [0.0, 1.5]}
    older = run(config=config, model="paper", weights="shipped", rates="target")
    data = "dataset=folder dataset.path=p dataset.limit=2"
    assert run_command(older, "results") == (
        f"jpegai-bench run +variant=mine {data} model=paper rates=target 'qualities=[0,1.5]'"
    )
    assert anchor_command("jpeg", "photos", run(), "results").endswith("dataset=folder dataset.path=photos")


def test_a_run_has_its_words_on_record(study):
    folder, _ = study
    for made in Store(folder / "results").runs():
        words = made.manifest["overrides"]
        assert words[0] == f"+variant={made.label}"
        assert set(RUN) < set(words)
