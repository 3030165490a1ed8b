import json
import pickle
from pathlib import Path

import pytest
import tiny
import torch
from safetensors.torch import load_file, save_file

from jpegai_bench.errors import BenchError
from jpegai_bench.network import weight_files, weights
from jpegai_bench.network.bitstream import Bitstream
from jpegai_bench.network.codec import Network


@pytest.fixture
def folder(tmp_path):
    tiny.saved(tmp_path)
    return tmp_path


def test_what_is_saved_is_loaded_bit_for_bit(tmp_path):
    network = tiny.network()
    weights.save(network, tmp_path, "tiny", tiny.STRUCTURE, note={"steps": 5})
    loaded = dict(tiny.load(tmp_path).network.named_parameters())
    for name, parameter in network.named_parameters():
        if not name.endswith("quantiles"):
            assert torch.equal(loaded[name], parameter), name


def test_loading_and_saving_again_changes_no_byte_of_the_tensors_and_no_id(folder, tmp_path):
    first = tiny.load(folder)
    weights.save(first.network, tmp_path / "again", "tiny", tiny.STRUCTURE, note={"other": "note"})
    second = tiny.load(tmp_path / "again")
    assert second.shared_id == first.shared_id
    for file in ("shared.safetensors", "tiny.safetensors"):
        one, two = load_file(folder / file), load_file(tmp_path / "again" / file)
        assert weights.content_id(one) == weights.content_id(two)


def test_the_id_follows_the_shared_weights_and_not_the_synthesis(tmp_path):
    network = tiny.network()
    weights.save(network, tmp_path / "a", "tiny", tiny.STRUCTURE, note={})
    with torch.no_grad():
        network.synthesis["luma"].up4.bias.add_(1)
    weights.save(network, tmp_path / "b", "tiny", tiny.STRUCTURE, note={})
    with torch.no_grad():
        network.shared["gain_luma"].log2.add_(0.25)
    weights.save(network, tmp_path / "c", "tiny", tiny.STRUCTURE, note={})
    a, b, c = (tiny.load(tmp_path / name) for name in "abc")
    assert a.shared_id == b.shared_id != c.shared_id
    image = tiny.picture(33, 33)
    streams = [coder.encode(coder.analyze(image), 1.5).stream.to_bytes() for coder in (a, b)]
    assert streams[0] == streams[1]
    assert (a.decode(Bitstream.from_bytes(streams[0])) != b.decode(Bitstream.from_bytes(streams[1]))).any()


def test_a_synthesis_trained_on_a_frozen_encoder_keeps_its_file(folder, tmp_path):
    trained = tiny.load(folder).network
    with torch.no_grad():
        trained.synthesis["luma"].up4.bias.add_(1)
    weights.save(trained, tmp_path / "new", "other", tiny.STRUCTURE, note={}, shared_from=folder)
    assert (tmp_path / "new/shared.safetensors").read_bytes() == (folder / "shared.safetensors").read_bytes()
    assert tiny.load(tmp_path / "new", "other").shared_id == tiny.load(folder).shared_id


class _Malicious:
    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self):
        return (open, (str(self.target), "w"))


@pytest.mark.parametrize("file", ["shared.safetensors", "tiny.safetensors"])
@pytest.mark.parametrize("writer", ["pickle", "torch"])
def test_a_pickle_is_refused_and_never_opened(folder, tmp_path, file, writer):
    trap = tmp_path / "the pickle was executed"
    if writer == "pickle":
        (folder / file).write_bytes(pickle.dumps(_Malicious(trap)))
        pickle.loads((folder / file).read_bytes()).close()
    else:
        torch.save({"state_dict": _Malicious(trap)}, folder / "trap.pt")
        torch.load(folder / "trap.pt", weights_only=False)["state_dict"].close()
        (folder / "trap.pt").replace(folder / file)
    assert trap.exists()  # the trap works
    trap.unlink()
    with pytest.raises(BenchError, match=f"{file}: not a safetensors file.*never opened"):
        tiny.load(folder)
    assert not trap.exists()


@pytest.mark.parametrize("file", ["shared.safetensors", "tiny.safetensors"])
@pytest.mark.parametrize("kept", [0, 5, 100, -1])
def test_a_truncated_file_is_named(folder, file, kept):
    data = (folder / file).read_bytes()
    (folder / file).write_bytes(data[:kept])
    with pytest.raises(BenchError, match=file):
        tiny.load(folder)


@pytest.mark.parametrize("file", ["shared.safetensors", "tiny.safetensors"])
def test_a_missing_file_is_named(folder, file):
    (folder / file).unlink()
    with pytest.raises(BenchError, match=f"{file}: no such weights file"):
        tiny.load(folder)


def test_weights_of_another_variant_are_refused(folder):
    (folder / "tiny.safetensors").rename(folder / "combined.safetensors")
    with pytest.raises(BenchError, match="weights of variant tiny, not of combined"):
        tiny.load(folder, "combined")


@pytest.mark.parametrize(
    ("structure", "named"),
    [
        (
            {**tiny.STRUCTURE, "model": {"luma": 9, "follows_from_it": 3}},
            "model.luma is 8 there and 9 in this configuration: model.luma=8 fits",
        ),
        ({**tiny.STRUCTURE, "modules": {"activation": "Tanh"}}, "modules.activation is ResAU there and Tanh"),
    ],
)
def test_weights_of_another_structure_are_refused_by_the_number_that_differs(folder, structure, named):
    with pytest.raises(BenchError, match=named):
        weights.load(Network(tiny.SIZE, tiny.MODULES), folder, "tiny", structure)


def test_a_synthesis_beside_another_encoder_is_refused(folder, tmp_path):
    tiny.saved(tmp_path / "other", seed=1)
    (tmp_path / "other/shared.safetensors").replace(folder / "shared.safetensors")
    with pytest.raises(BenchError, match="was trained on the encoder"):
        tiny.load(folder)


@pytest.mark.parametrize("file", ["shared.safetensors", "tiny.safetensors"])
def test_one_flipped_bit_is_noticed(folder, file):
    path = folder / file
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(bytes(data))
    with pytest.raises(BenchError, match=f"{file}: damaged"):
        tiny.load(folder)


@pytest.mark.parametrize("file", ["shared.safetensors", "tiny.safetensors"])
def test_weights_of_the_version_before_are_refused_by_the_name_of_what_reads_them(folder, file):
    tensors, meta = weights.read(folder / file, "shared" if file.startswith("shared") else "synthesis")
    save_file(tensors, folder / file, {**meta, "format": "jpegai-bench weights 1"})
    with pytest.raises(BenchError, match=rf"{file}: is jpegai-bench weights 1.*0\.1.* reads it"):
        tiny.load(folder)


def test_weights_that_are_replaced_while_they_are_in_use_are_refused(folder):
    network = Network(tiny.SIZE, tiny.MODULES)
    begun = weight_files.ids(folder, "tiny")
    weights.load(network, folder, "tiny", tiny.STRUCTURE, begun)
    tiny.saved(folder, seed=1)
    with pytest.raises(BenchError, match="replaced while"):
        weights.load(network, folder, "tiny", tiny.STRUCTURE, begun)


def test_a_shared_file_is_not_a_synthesis(folder):
    (folder / "tiny.safetensors").write_bytes((folder / "shared.safetensors").read_bytes())
    with pytest.raises(BenchError, match=r"\(shared\), where .* \(synthesis\) is expected"):
        tiny.load(folder)


def test_safetensors_of_another_program_are_refused(folder):
    save_file({"weight": torch.zeros(3)}, folder / "shared.safetensors")
    with pytest.raises(BenchError, match="another program"):
        tiny.load(folder)


def rewritten(path: Path, tensors: dict) -> str:
    """Write `tensors` under the metadata of ours; returns their id."""
    kind = "shared" if path.name.startswith("shared") else "synthesis"
    _, meta = weights.read(path, kind)
    meta["shared_id" if kind == "shared" else "content_id"] = weights.content_id(tensors)
    save_file(tensors, path, meta)
    return meta["shared_id"]


@pytest.mark.parametrize("prefix", ["table.y", "gain_luma"])
def test_an_encoder_without_some_of_its_tensors_is_refused(folder, prefix):
    path = folder / "shared.safetensors"
    kept = {name: tensor for name, tensor in load_file(path).items() if not name.startswith(prefix)}
    shared_id = rewritten(path, kept)
    synthesis, meta = weights.read(folder / "tiny.safetensors", "synthesis")
    save_file(
        synthesis,
        folder / "tiny.safetensors",
        {**meta, "shared_id": shared_id, "encoder_id": weights.encoder_id(kept)},
    )
    with pytest.raises(BenchError, match="missing"):
        tiny.load(folder)


@pytest.mark.parametrize(
    ("field", "change"),
    [
        ("length", lambda length: length + 1),
        ("length", lambda length: torch.full_like(length, -1)),
        ("length", lambda length: length.long()),
        ("length", lambda length: length.float()),
        ("cdf", lambda cdf: cdf.flip(0)),
        ("cdf", lambda cdf: cdf[:-9]),
        ("cdf", lambda cdf: cdf[None]),
        ("cdf", lambda cdf: cdf.sum()),
        ("length", lambda length: length.repeat(2)),
        ("length", lambda length: length.sum()),
        ("cdf", lambda cdf: cdf // 2),
        ("offset", lambda offset: offset[:9]),
        ("offset", lambda offset: torch.full_like(offset, -(2**31))),
    ],
)
def test_tables_that_would_lead_the_range_coder_astray_are_refused(folder, field, change):
    path = folder / "shared.safetensors"
    tensors = load_file(path)
    name = f"table.y.{field}"
    rewritten(path, {**tensors, name: change(tensors[name]).contiguous()})
    with pytest.raises(BenchError, match="CDF tables are damaged"):
        tiny.load(folder)


def test_a_tensor_of_another_shape_is_refused(folder):
    path = folder / "tiny.safetensors"
    tensors = load_file(path)
    rewritten(path, {**tensors, "luma.up4.bias": torch.zeros(2)})
    with pytest.raises(BenchError, match=r"luma.up4.bias has shape \(2,\), the network needs \(1,\)"):
        tiny.load(folder)


def test_the_note_is_kept_in_the_files(tmp_path):
    weights.save(tiny.network(), tmp_path, "tiny", tiny.STRUCTURE, note={"steps": 5})
    for file, kind in (("shared.safetensors", "shared"), ("tiny.safetensors", "synthesis")):
        assert json.loads(weights.read(tmp_path / file, kind)[1]["note"]) == {"steps": 5}


def test_a_training_starts_from_what_fits(folder):
    modules = tiny.MODULES.__class__(
        lambda channels: torch.nn.Conv2d(channels, channels, 1),
        tiny.no_attention,
        tiny.MODULES.upsampling,
        tiny.MODULES.activation,
    )
    network = Network(tiny.SIZE, modules)
    fresh = weights.initialize(network, folder, "tiny")
    assert set(fresh) == {
        f"{b}.attention_quarter.{p}" for b in ("luma", "chroma") for p in ("weight", "bias")
    }
    source = dict(tiny.load(folder).network.named_parameters())
    for name, parameter in network.named_parameters():
        if name.removeprefix("synthesis.") not in fresh and not name.endswith("quantiles"):
            assert torch.equal(parameter, source[name]), name


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(BenchError, match="file"):
        weights.save(tiny.network(), tmp_path / "file" / "weights", "tiny", tiny.STRUCTURE, note={})
