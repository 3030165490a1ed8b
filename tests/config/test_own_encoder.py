"""A variant may name an analysis, or a part of it, and the parts of the entropy models."""

import json
from pathlib import Path

import pytest
from command import TINY, bench, photographs, settings
from torch import nn

from jpegai_bench.config.variants import structure_of, variant_of
from jpegai_bench.errors import BenchError, UsageError
from jpegai_bench.network import weight_files
from jpegai_bench.network.context import PHASES, Change, Pass, PhasePass

HERE = "own_encoder"
"""What this file is imported as where a variant names a module in it."""


class Strided(nn.Module):
    """A whole analysis of two convolutions; with another stride than 16 for a test of what is refused."""

    def __init__(self, inputs, latent, stride=4):
        super().__init__()
        self.down = nn.Conv2d(inputs, 8, 4, stride=4)
        self.latent = nn.Conv2d(8, latent, stride, stride=stride)

    def forward(self, x):
        return self.latent(self.down(x).relu())


class Checkerboard(nn.ModuleList):
    """Two passes over all channels."""

    def __init__(self, latent, features, qualities, kind="exact"):
        one, two = (_PASSES[kind](latent, features, phases) for phases in (PHASES[:2], PHASES[2:]))
        super().__init__([one, two] if kind != "short" else [one])


class Side(Pass):
    def __init__(self, latent, features, phases):
        super().__init__()
        self.first, self.end, self.phases = 0, latent, phases
        self.seen = nn.Conv2d(latent, 2 * latent, 3, padding=1)

    def look(self, arithmetic, known):
        return (known,)

    def change(self, arithmetic, seen, features, phase):
        return Change(*arithmetic.convolve(self.seen, seen[0], phase).chunk(2, dim=1))


class InFloats(Side):
    def change(self, arithmetic, seen, features, phase):
        mean, log2_scale = super().change(arithmetic, seen, features, phase)
        return Change(mean * 0.3, log2_scale)


class Forgetful(Side):
    """Predicts by how often it was asked."""

    asked = 0

    def change(self, arithmetic, seen, features, phase):
        Forgetful.asked += 1
        mean, log2_scale = super().change(arithmetic, seen, features, phase)
        return Change(mean + Forgetful.asked * arithmetic.unit, log2_scale)


_PASSES = {"exact": Side, "short": Side, "floats": InFloats, "forgetful": Forgetful}


def hyper_synthesis(channels, latent, middle="ReLU"):
    return nn.Sequential(
        nn.Conv2d(channels, 16 * channels, 1),
        nn.PixelShuffle(4),
        getattr(nn, middle)(),
        nn.Conv2d(channels, 2 * latent, 1),
    )


def no_passes(latent, features, qualities):
    return nn.Conv2d(latent, latent, 1)


@pytest.fixture(autouse=True)
def here(monkeypatch, tmp_path):
    """A folder in which this file can be imported as a user's."""
    (tmp_path / f"{HERE}.py").write_text(Path(__file__).read_text())
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def mine(*words):
    chosen = settings(*TINY, "+variant=base", "variant.name=mine", *(f"+variant.{word}" for word in words))
    return chosen, variant_of(chosen)


def network(*words):
    chosen, variant = mine(*words)
    return variant.network(chosen.model)


def test_the_attention_and_the_activation_of_the_analysis_may_be_others():
    made = network(
        "analysis.attention._target_=jpegai_bench.network.attention.CAB",
        "analysis.activation._target_=compressai.layers.GDN",
    )
    for branch in ("luma", "chroma"):
        analysis = made.shared[f"analysis_{branch}"]
        assert type(analysis.attention_quarter).__name__ == "CAB"
        assert type(analysis.act1).__name__ == "GDN"
    assert type(made.synthesis["luma"].attention_quarter).__name__ == "RNAB"


def test_a_whole_analysis_of_one_branch_stands_beside_the_presets_of_the_other():
    made = network(f"analysis.luma._target_={HERE}.Strided")
    assert type(made.shared["analysis_luma"]).__name__ == "Strided"
    assert type(made.shared["analysis_chroma"]).__name__ == "Analysis"


def test_context_and_hyperprior_may_be_others():
    made = network(
        f"entropy.context._target_={HERE}.Checkerboard",
        f"entropy.hyper_synthesis._target_={HERE}.hyper_synthesis",
    )
    for branch in ("luma", "chroma"):
        model = made.entropy(branch)
        assert [step.phases for step in model.passes] == [PHASES[:2], PHASES[2:]]
        assert len(model.synthesis) == 4
    standard = network("entropy.context._target_=jpegai_bench.network.context.MultistageContext")
    assert all(isinstance(step, PhasePass) for step in standard.entropy("luma").passes)


CHECKERBOARD = f"entropy.context._target_={HERE}.Checkerboard"
GELU = "entropy.hyper_synthesis.middle=GELU"


@pytest.mark.parametrize(
    ("words", "named"),
    [
        ([f"analysis.luma._target_={HERE}.Strided", "analysis.luma.stride=2"], r"analysis\.luma makes"),
        ([CHECKERBOARD, "entropy.context.kind=floats"], r"entropy\.context, luma: .* no integer"),
        ([CHECKERBOARD, "entropy.context.kind=short"], r"entropy\.context, luma: .* 0 .* 1 times"),
        ([CHECKERBOARD, "entropy.context.kind=forgetful"], r"entropy\.context: .*other symbols"),
        ([f"entropy.context._target_={HERE}.no_passes"], r"entropy\.context is a Conv2d"),
        (
            [f"entropy.hyper_synthesis._target_={HERE}.hyper_synthesis", GELU],
            r"entropy\.hyper_synthesis .*GELU",
        ),
        (
            ["entropy.hyper_analysis._target_=torch.nn.Conv2d", "entropy.hyper_analysis.kernel_size=1"],
            r"entropy\.hyper_analysis makes",
        ),
    ],
)
def test_what_does_not_fit_is_told_by_its_place(words, named):
    with pytest.raises(BenchError, match=rf"variant mine: {named}"):
        network(*words)


def test_unknown_parts_and_parts_without_a_place_are_refused():
    with pytest.raises(UsageError, match=r"variant mine: unknown key entropy\.red"):
        mine("entropy.red._target_=torch.nn.Identity")
    both = [f"analysis.{branch}._target_={HERE}.Strided" for branch in ("luma", "chroma")]
    with pytest.raises(UsageError, match=r"variant mine: analysis\.activation has no place"):
        mine("analysis.activation._target_=compressai.layers.GDN", *both)


def test_what_changes_the_bitstream_has_shared_weights_of_its_own(here):
    """Trained on base's encoder it codes and decodes; base takes neither stream nor weights."""
    picture = photographs(here / "photos") / "a.png"
    smoke = ("training=smoke", "training.steps=3", "training.warmup_steps=1", "training.data=[photos]")
    smoke += ("training.precision=float32", "training.threads=1")
    base = bench("train", *TINY, "+variant=base", *smoke, cwd=here)
    assert base.code == 0, base.err
    first = base.out.strip()
    own = (
        *TINY,
        "+variant=base",
        "variant.name=mine",
        f"+variant.{CHECKERBOARD}",
    )
    kept = ("training.train=entropy", f"training.init_from={first}", "training.init_variant=base")
    done = bench("train", *own, *smoke, *kept, cwd=here)
    assert done.code == 0, done.err
    second = done.out.strip()
    ids = [weight_files.ids(Path(folder), name) for folder, name in ((first, "base"), (second, "mine"))]
    assert ids[0].shared != ids[1].shared
    assert ids[0].synthesis == ids[1].synthesis
    noted = json.loads(weight_files.read(Path(second) / weight_files.SHARED_FILE, "shared")[1]["note"])
    assert noted["anew"] == ["prior_luma.passes.", "prior_chroma.passes."]
    coded = bench("encode", picture, "a.jai", "reconstruction=r.png", *own, f"weights={second}", cwd=here)
    decoded = bench("decode", "a.jai", "d.png", *own, f"weights={second}", cwd=here)
    assert (coded.code, decoded.code) == (0, 0), (coded.err, decoded.err)
    assert Path("r.png").read_bytes() == Path("d.png").read_bytes()
    other = bench("decode", "a.jai", "e.png", *TINY, "+variant=base", f"weights={first}", cwd=here)
    assert other.code == 1
    assert "other weights" in other.err
    misread = bench("decode", "a.jai", "e.png", *TINY, "+variant=base", f"weights={second}", cwd=here)
    assert misread.code == 1
    assert "entropy.context" in misread.err or "mine" in misread.err


def test_the_structure_of_weights_names_the_modules():
    chosen, variant = mine("entropy.context._target_=jpegai_bench.network.context.MultistageContext")
    assert structure_of(chosen, variant)["modules"]["entropy.context"] == {
        "_target_": "jpegai_bench.network.context.MultistageContext"
    }
