"""The entropy model alone, on an encoder that stays: training.train=entropy."""

import pytest
import torch
from command import TINY, settings
from messages import refused

from jpegai_bench.config.variants import variant_of
from jpegai_bench.errors import BenchError
from jpegai_bench.network import weight_files, weights
from jpegai_bench.network.coding import Coder
from jpegai_bench.runner.inputs import learned_codec
from jpegai_bench.training.run import train_variant

CONTEXT = (
    "model.context=grouped",
    "model.context_luma_groups=[4,4]",
    "model.context_chroma_groups=[3,5]",
    "model.context_luma_width=8",
    "model.context_chroma_width=8",
)
RECIPE = (
    "training=smoke",
    "training.steps=30",
    "training.learning_rate=1e-2",
    "training.accelerator=cpu",
    "training.threads=1",
    "training.precision=float32",
    "training.data=[few]",
)


def train(*words):
    chosen = settings("+variant=base", *TINY, *RECIPE, *words)
    return train_variant(chosen, variant_of(chosen))


@pytest.fixture(scope="module")
def folders(tmp_path_factory, few):
    """Of an encoder with a hyperprior alone, and of a context model that was trained on it."""
    here = tmp_path_factory.mktemp("entropy")
    (here / "few").symlink_to(few)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(here)
        first = here / train()
        frozen = ("training.train=entropy", f"training.init_from={first}", "training.init_variant=base")
        return first, here / train(*CONTEXT, *frozen, "training.learning_rate=2e-2", "training.steps=50")


def codec(folder, *words):
    chosen = settings("+variant=base", *TINY, f"weights={folder}", *words)
    return learned_codec(chosen, variant_of(chosen), chosen.rdo)


def test_encoder_and_synthesis_stay_and_streams_get_another_id(folders):
    (before, _), (after, _) = (weights.read(folder / "shared.safetensors", "shared") for folder in folders)
    for name, tensor in before.items():
        if name.startswith(("analysis_", "gain_")):
            assert torch.equal(after[name], tensor), name
    assert weights.encoder_id(before) == weights.encoder_id(after)
    first, second = (weight_files.ids(folder, "base") for folder in folders)
    assert first.synthesis == second.synthesis
    assert first.shared != second.shared


def test_the_context_model_saves_bits_and_changes_the_picture_by_rounding_alone(folders, photographs):
    from jpegai_bench.images.read import read_rgb

    image = read_rgb(photographs / "0.png")
    before, after = codec(folders[0], "rdo=false"), codec(folders[1], *CONTEXT, "rdo=false")
    coded = [one.encode(image, 3.0) for one in (before, after)]
    assert len(coded[1].data) < 0.97 * len(coded[0].data)
    errors = [
        float(((one.decode(each.data).astype(float) - image) ** 2).mean())
        for one, each in zip((before, after), coded, strict=True)
    ]
    assert errors[1] == pytest.approx(errors[0], rel=0.05)


def test_a_synthesis_fits_every_entropy_model_of_its_encoder_and_no_other_encoder(folders, tmp_path):
    """So an entropy model can still be trained while syntheses are."""
    synthesis = (folders[0] / "base.safetensors").read_bytes()
    (tmp_path / "base.safetensors").write_bytes(synthesis)
    (tmp_path / "shared.safetensors").write_bytes((folders[1] / "shared.safetensors").read_bytes())
    assert isinstance(codec(tmp_path, *CONTEXT).coder, Coder)
    tensors, meta = weights.read(folders[1] / "shared.safetensors", "shared")
    tensors["gain_luma.log2"] = tensors["gain_luma.log2"] + 1
    weights._write(
        tensors, tmp_path / "shared.safetensors", {**meta, "shared_id": weights.content_id(tensors)}
    )
    with refused("trained on the encoder"):
        codec(tmp_path, *CONTEXT).coder  # noqa: B018


def test_the_tables_are_made_of_what_is_coded(folders):
    """A level that was met often has another CDF than the Gaussian that a level without symbols keeps."""
    from jpegai_bench.network.cdf_tables import scale_tables

    own, gaussian = codec(folders[0]).coder.tables, scale_tables()
    differing = (own.cdf != gaussian.cdf).any(dim=1)
    assert 3 < int(differing.sum()) < len(differing)


def test_what_is_kept_must_be_named(photographs, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(BenchError, match=r"train=entropy needs training\.init_from"):
        settings("training.train=entropy")
    with pytest.raises(BenchError, match=r"train=entropy needs training\.init_variant"):
        settings("training.train=entropy", "training.init_from=shipped")
