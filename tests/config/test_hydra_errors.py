import pytest
from command import bench, fails, program, several

from jpegai_bench.errors import hint, nearest

MISTYPED = {
    ("rnu",): "no command 'rnu' (did you mean run?)",
    ("COMPLEXITY",): "(did you mean complexity?)",
    ("list", "varients"): "(did you mean variants?)",
    ("data", "get", "kodac"): "(did you mean kodak?)",
    ("completion", "bsh"): "(did you mean bash?)",
    ("complexity", "+variant=combind"): "no variant 'combind' (did you mean combined?)",
    ("complexity", "variant=Base"): "no variant 'Base' (did you mean base?)",
    ("sweep", "+variant=bse,combind"): "no variant 'bse' (did you mean base?)",
    ("train", "training=ablatoin"): "no training 'ablatoin' (did you mean ablation?)",
    ("sweep", "experiment=vcip203"): "no experiment 'vcip203' (did you mean vcip2023?)",
    ("anchor", "anchor=[vvc,hvec]"): "no anchor 'hvec' (did you mean hevc?)",
    ("anchor", "codec=[vvc,hvec]"): "no anchor 'hvec' (did you mean hevc?)",
    ("sweep", "hydra/launcher=jobib"): "no hydra/launcher 'jobib' (did you mean joblib?)",
    ("complexity", "datset=kodak"): "no setting 'datset' (did you mean dataset?)",
    ("complexity", "+varaint=base"): "no setting 'varaint' (did you mean variant?)",
    ("complexity", "~datset"): "no setting 'datset' (did you mean dataset?)",
    ("complexity", "DATASET=kodak"): "(did you mean dataset?)",
    ("complexity", "hydra/lancher=joblib"): "(did you mean hydra/launcher?)",
    ("complexity", "dataset.pth=x"): "no setting 'dataset.pth' (did you mean dataset.path?)",
    ("complexity", "++dataset.pth=x"): "(did you mean dataset.path?)",
    ("train", "trainign.stpes=3"): "(did you mean training.steps?)",
    ("train", "steps=3"): "(did you mean training.steps?)",
    ("complexity", "anchor.vcv.preset=slow"): "(did you mean anchor.vvc.preset?)",
    ("anchor", "+anchor.vvc.presets=slow"): "(did you mean preset?)",
    ("complexity", "anchor.hevc.preset=slow"): "add anchor=hevc",
    ("complexity", "variant.upsamplng._target_=x"): "(did you mean variant.upsampling._target_?)",
    (
        "complexity",
        "+variant=combined",
        "variant.activation.from=sum",
    ): "(did you mean variant.activation.form?)",
    ("complexity", "hydra.launcher.n_jbos=3"): "(did you mean hydra.launcher.n_jobs?)",
    ("complexity", "format=jsn"): "(did you mean json?)",
    ("train", "training.precision=fp16"): "choose one of auto, bf16, float32",
    ("metrics", ".", ".", "only=[ms_sim]"): "no metric 'ms_sim'",
    ("metrics", ".", ".", "only=[psnr_yy]"): "(did you mean psnr_y?)",
    ("run", "--cofg", "job"): "no option --cofg (did you mean --cfg?)",
    ("run", "--verbos"): "(did you mean --verbose?)",
    ("run", "--cfg", "jobs"): "choose one of job, hydra, all (did you mean job?)",
    ("run", "--config-dir"): "--config-dir needs a folder",
    ("run", "--config-dir", "-m"): "--config-dir needs a folder",
    ("run", "--multirun=3"): "--multirun takes no value",
    ("run", "-v", "-q"): "-q and -v are both given",
    ("run", "=3"): "'=3' is no setting",
    ("run", "results=a=b"): "results=a=b: cannot be read",
    **{("complexity", f"+variant={word}"): f"no variant '{word}'" for word in ("1", "true", "null", "1.5e3")},
    ("complexity", "model=null"): "no model 'null'",
    ("complexity", "model.luma={a:1}"): "model.luma={a:1}: a value of another kind stands there",
    ("complexity", "dataset=0"): "no dataset '0'",
    ("run", "anchor=[jpeg,1]"): "no anchor '1'",
}


def test_what_is_mistyped_is_answered_with_the_nearest_right_word_in_one_line(tmp_path):
    for words, done in zip(MISTYPED, several(*MISTYPED, cwd=tmp_path), strict=True):
        fails(done, MISTYPED[words], code=2)
        assert len(done.err.replace("0 jobs: none begun\n", "").splitlines()) == 1, (words, done.err)
        assert done.out == "", words
        assert "usage: jpegai-bench [--help]" not in done.err
    assert list(tmp_path.iterdir()) == []


def test_the_nearest_right_word_may_be_one_of_the_users_own(tmp_path):
    (tmp_path / "my_conf/variant").mkdir(parents=True)
    (tmp_path / "my_conf/anchor").mkdir()
    (tmp_path / "my_conf/variant/gated.yaml").write_text(
        "name: gated\nactivation:\n  _target_: my_codec.Gated\n  steepness: 2\n"
    )
    node = "_target_: jpegai_bench.codecs.command.Command\n  encode: a\n  decode: b\n"
    (tmp_path / "my_conf/anchor/mine.yaml").write_text(f"mine:\n  {node}")
    own = ("--config-dir", "my_conf")
    cases = {
        ("complexity", *own, "+variant=gatd"): "no variant 'gatd' (did you mean gated?)",
        (
            "complexity",
            *own,
            "+variant=gated",
            "variant.activation.stepness=3",
        ): "variant.activation.steepness?",
        ("anchor", *own, "codec=mien"): "no anchor 'mien' (did you mean mine?)",
        ("anchor", *own, "codec=mine", "anchor.mine.encde=x"): "anchor.mine.encode?",
    }
    for done, said in zip(several(*cases, cwd=tmp_path), cases.values(), strict=True):
        fails(done, said, code=2)


def test_one_wrong_word_is_told_where_others_are_right_but_not_yet_there(tmp_path):
    done = bench("run", "dataset=kodak", "+variant=base", "dataset.limt=3", "workers=2", cwd=tmp_path)
    fails(done, "'dataset.limt'", "(did you mean dataset.limit?)", code=2)


def test_the_first_thing_that_a_process_composes_is_told_in_one_line_too(tmp_path):
    """An experiment is looked up before the rest; of several lines in one process only the first shows it."""
    done = program("sweep", "experiment=vcip203", cwd=tmp_path)
    fails(done, "experiment 'vcip203'", "(did you mean vcip2023?)", code=2)
    assert "Config search path" not in done.err


@pytest.mark.parametrize(("word", "known", "meant"), [
    ("kodac", ["kodak", "sample"], "kodak"),
    ("KODAK", ["kodak", "sample"], "kodak"),
    ("x", ["kodak", "sample"], None),
    ("kodak", [], None),
])  # fmt: skip
def test_the_nearest_word_is_near(word, known, meant):
    assert nearest(word, known) == meant
    assert hint(word, known) == (f" (did you mean {meant}?)" if meant else "")
