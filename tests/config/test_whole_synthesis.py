"""A variant may name a whole synthesis, or parts of it beyond the paper's four modules."""

from pathlib import Path

import pytest
import torch
from command import TINY, bench, photographs, settings
from torch import nn

from jpegai_bench.config.variants import structure_of, variant_of
from jpegai_bench.errors import BenchError, UsageError

NETWORK = "jpegai_bench.network"


class OddLost(nn.Module):
    """Loses a column of an odd latent."""

    def __init__(self, latent, outputs):
        super().__init__()
        self.conv = nn.Conv2d(latent, outputs * 64, 1)

    def forward(self, y):
        even = self.conv(y)[..., : y.shape[-1] // 2 * 2]
        return nn.functional.pixel_shuffle(nn.functional.interpolate(even, scale_factor=2), 8)


@pytest.mark.parametrize("name", ["sop", "bop", "hop"])
def test_the_decoders_of_the_standard_are_variants(name):
    chosen = settings(f"+variant={name}", "model=small")
    variant = variant_of(chosen)
    assert set(structure_of(chosen, variant)["modules"]) == {"synthesis.luma", "synthesis.chroma"}
    size = chosen.model.network_size()
    with torch.device("meta"):
        network = variant.network(chosen.model)
    names = {key for key, _ in network.synthesis.named_parameters()}
    assert "luma.residual.conv.weight" in names or "luma.residual.body.0.weight" in names
    assert network.synthesis["chroma"].reduction.conv.in_channels == size.latent_luma + size.latent_chroma


def test_a_whole_luma_synthesis_stands_beside_the_chroma_of_base():
    words = (
        f"+variant.synthesis.luma._target_={NETWORK}.standard.HighLuma",
        "+variant.synthesis.luma.widths=8",
    )
    variant = variant_of(settings(*TINY, "+variant.name=mine", *words))
    assert set(variant.nodes) == {
        "attention_quarter",
        "attention_half",
        "upsampling",
        "activation",
        "synthesis.luma",
    }
    network = variant.network(settings(*TINY).model)
    assert type(network.synthesis["luma"]).__name__ == "HighLuma"
    assert type(network.synthesis["chroma"].attention_half).__name__ == "RNAB"


def test_residual_blocks_and_the_last_upsampling_may_be_others():
    words = (
        f"+variant.residual._target_={NETWORK}.standard.RectifiedResidual",
        f"+variant.last_upsampling._target_={NETWORK}.upsampling.PixelShuffleUpsampling",
    )
    network = variant_of(chosen := settings(*TINY, "+variant=base", *words)).network(chosen.model)
    for branch, outputs in (("luma", 1), ("chroma", 2)):
        assert type(network.synthesis[branch].residual).__name__ == "RectifiedResidual"
        assert network.synthesis[branch].up4.conv.out_channels == 4 * outputs


def test_what_does_not_fit_is_told_by_its_place(monkeypatch, tmp_path):
    (tmp_path / "lost.py").write_text(Path(__file__).read_text())
    monkeypatch.syspath_prepend(tmp_path)
    lost = ("+variant.name=mine", "+variant.synthesis.luma._target_=lost.OddLost")
    with pytest.raises(BenchError, match=r"variant mine: synthesis.luma makes .*\(1, 8, 5, 3\)"):
        variant_of(chosen := settings(*TINY, *lost)).network(chosen.model)
    with pytest.raises(UsageError, match=r"variant mine: .* synthesis.red"):
        variant_of(settings("+variant.name=mine", "+variant.synthesis.red._target_=torch.nn.Identity"))
    both = (f"+variant.synthesis.{branch}._target_=torch.nn.Identity" for branch in ("luma", "chroma"))
    with pytest.raises(UsageError, match="activation has no place"):
        variant_of(settings("+variant.name=mine", "+variant.activation._target_=torch.nn.Identity", *both))


def test_a_whole_synthesis_is_counted_by_its_children(tmp_path):
    done = bench("complexity", "+variant=sop", "format=csv", cwd=tmp_path)
    assert done.code == 0, done.err
    assert "conv" in done.out


def test_a_whole_synthesis_is_trained_codes_and_decodes(tmp_path):
    """Attention that it names joins a training late; the stream is decoded with the weights that came out."""
    picture = photographs(tmp_path / "photos") / "a.png"
    sizes = [word for word in TINY if not word.startswith(("model.luma", "model.chroma"))]
    own = (*sizes, "model.luma=16", "model.chroma=16", "+variant=hop")
    steps = (
        "training=smoke",
        "training.precision=float32",
        "training.threads=1",
        "training.steps=3",
        "training.attention_from_step=2",
        "training.warmup_steps=1",
    )
    done = bench("train", *own, *steps, "training.data=[photos]", cwd=tmp_path)
    assert done.code == 0, done.err
    weights = f"weights={done.out.strip()}"
    coded = bench("encode", picture, "a.jai", "reconstruction=r.png", *own, weights, cwd=tmp_path)
    decoded = bench("decode", "a.jai", "d.png", *own, weights, cwd=tmp_path)
    assert (coded.code, decoded.code) == (0, 0), (coded.err, decoded.err)
    assert (tmp_path / "r.png").read_bytes() == (tmp_path / "d.png").read_bytes()
