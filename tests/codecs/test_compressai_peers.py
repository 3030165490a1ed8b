import hashlib
import io
import os
import pickle
import shutil
import subprocess
import sys
import warnings
from dataclasses import replace

import numpy as np
import pytest
import torch
from messages import refused
from safetensors.torch import save_file
from torch import nn
from torch._subclasses.fake_tensor import FakeTensorMode

from jpegai_bench.codecs import checkpoints
from jpegai_bench.codecs.compressai import ARCHITECTURES, CompressAI
from jpegai_bench.errors import BenchError

with warnings.catch_warnings():
    warnings.simplefilter("ignore", FutureWarning)
    import compressai.models
    from compressai.registry import MODELS

WITH_VARIABLE_Z = ("bmshj2018-hyperprior-vbr", "mbt2018-mean-vbr")


def network(arch, seed=0):
    """Small and random, with latents large enough that the strings say something."""
    torch.manual_seed(seed)
    kind = MODELS[arch]
    if arch in WITH_VARIABLE_Z:
        made = kind(8, 12, vr_entbttlnck=True)
    else:
        made = kind(8) if arch.startswith(("cheng", "elic")) else kind(8, 12)
    last = [module for module in made.g_a if isinstance(module, nn.Conv2d)][-1]
    with torch.no_grad():
        for parameter in last.parameters():
            parameter.mul_(2 if arch.startswith("elic") else 20)
    return made.eval()


def saved(made, path):
    torch.save(made.state_dict(), path)
    return str(path)


@pytest.fixture(scope="module")
def picture():
    rows, columns = np.mgrid[:70, :90]
    waves = [128 + 100 * np.sin(rows / a + columns / b) for a, b in ((5, 9), (7, 3), (4, 11))]
    noise = np.random.default_rng(0).normal(0, 15, (70, 90, 3))
    return np.clip(np.stack(waves, axis=-1) + noise, 0, 255).astype(np.uint8)


@pytest.fixture(scope="module")
def crop(picture):
    """Of one block, for models that take pixel after pixel."""
    return picture[:50, :60]


@pytest.fixture(scope="module")
def peer(tmp_path_factory):
    """mbt2018-mean with two checkpoints."""
    folder = tmp_path_factory.mktemp("mean")
    files = [saved(network("mbt2018-mean", seed), folder / f"q{seed}.pth.tar") for seed in (1, 2)]
    return CompressAI(arch="mbt2018-mean", checkpoint=files)


def own_reconstruction(made, picture, **rate):
    """Strings and picture as CompressAI itself makes them, padded in the middle of black."""
    height, width = picture.shape[:2]
    tall, wide = -(-height // 64) * 64, -(-width // 64) * 64
    top, left = (tall - height) // 2, (wide - width) // 2
    padded = torch.zeros(1, 3, tall, wide)
    pixels = torch.from_numpy(picture.astype(np.float32) / 255).permute(2, 0, 1)
    padded[0, :, top : top + height, left : left + width] = pixels
    with torch.no_grad():
        coded = made.compress(padded, **rate)
        decoded = made.decompress(coded["strings"], coded["shape"], **rate)["x_hat"]
    crop = decoded[0, :, top : top + height, left : left + width].clamp(0, 1)
    return [s[0] for s in coded["strings"]], (crop * 255).round().byte().permute(1, 2, 0).numpy()


@pytest.mark.parametrize("arch", ARCHITECTURES)
def test_bytes_alone_give_the_model_s_own_reconstruction(arch, tmp_path, crop):
    made = network(arch)
    codec = CompressAI(arch=arch, checkpoint=saved(made, tmp_path / "q.pth"))
    rate = {}
    if arch.endswith("-vbr"):
        rate = {"inputscale": made.Gain[4].detach()}
        with torch.no_grad():
            made.update(force=True, scale=made.Gain[4])
    else:
        made.update(force=True)
    quality = 5 if rate else 1
    strings, expected = own_reconstruction(made, crop, **rate)
    data = codec.encode(crop, quality).data
    np.testing.assert_array_equal(codec.decode(data), expected)
    assert all(string in data for string in strings)
    extent = sum(map(len, strings))
    assert extent > 100
    assert 0 < len(data) - extent < 12 + 16 * len(strings)
    assert expected.std() > 1


@pytest.mark.parametrize(("height", "width"), [(1, 1), (1, 65), (37, 64), (63, 70)])
def test_any_size_comes_back(height, width, peer, picture):
    crop = picture[:height, :width]
    made = network("mbt2018-mean", 1)
    made.update(force=True)
    decoded = peer.decode(peer.encode(crop, 1).data)
    np.testing.assert_array_equal(decoded, own_reconstruction(made, crop)[1])


def test_each_quality_is_a_checkpoint_in_the_order_given(peer, picture):
    assert peer.qualities == (1.0, 2.0)
    swapped = CompressAI(arch=peer.arch, checkpoint=peer.checkpoint[::-1])
    first, second = (peer.encode(picture, quality).data for quality in peer.qualities)
    assert first != second
    pictures = [peer.decode(first), peer.decode(second)]
    again = [swapped.decode(swapped.encode(picture, quality).data) for quality in (2, 1)]
    np.testing.assert_array_equal(pictures, again)


@pytest.mark.parametrize("quality", [0, 3, 1.5, float("nan")])
def test_a_quality_without_checkpoint_is_refused(quality, peer, picture):
    with refused("mbt2018-mean: quality ", "from 1 to 2"):
        peer.encode(picture, quality)


@pytest.mark.parametrize("arch", [arch for arch in ARCHITECTURES if arch.endswith("-vbr")])
def test_one_variable_model_reaches_all_rates_between_its_gains(arch, tmp_path, crop):
    codec = CompressAI(arch=arch, checkpoint=saved(network(arch), tmp_path / "vbr.pth"))
    assert codec.qualities == tuple(range(1, 9))
    streams = [codec.encode(crop, quality).data for quality in (1, 3.5, 4, 8)]
    sizes = [len(data) for data in streams]
    assert sizes == sorted(set(sizes))
    fresh = CompressAI(arch=arch, checkpoint=codec.checkpoint)
    errors = [np.mean((fresh.decode(d).astype(float) - codec.decode(d)) ** 2) for d in reversed(streams)]
    assert errors == [0, 0, 0, 0]
    for quality in (0.9, 8.1):
        with pytest.raises(BenchError, match="real number from 1 to 8"):
            codec.encode(crop, quality)


def bare(made):
    return made.state_dict()


def training(made):
    """As CompressAI's own training example saves it."""
    optimizer = torch.optim.Adam(made.parameters(), lr=1e-4)
    schedule = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, "min")
    states = {"optimizer": optimizer.state_dict(), "lr_scheduler": schedule.state_dict()}
    return {"epoch": 3, "state_dict": made.state_dict(), "loss": torch.tensor(1.0), **states}


def nested(made):
    return {"network": made.state_dict()}


def parallel(made):
    return {"state_dict": nn.DataParallel(made).state_dict()}


def compiled(made):
    return {f"_orig_mod.{name}": value for name, value in made.state_dict().items()}


def lightning(made):
    state = {f"model.{name}": value for name, value in made.state_dict().items()}
    return {"epoch": 3, "state_dict": state, "pytorch-lightning_version": "2.4.0"}


def wrapped_twice(made):
    """A data-parallel wrapper around a module of somebody's own."""
    return {f"module.codec_of_mine.{name}": value for name, value in made.state_dict().items()}


def old_names(made):
    """Lists of parameters with an underscore, as at first, and parameters by number, as later."""
    renamed = {}
    for number, (name, value) in enumerate(made.state_dict().items()):
        head, _, index = name.rpartition(".")
        for old, first, later in (
            ("biases", "_biases.", "_bias"),
            ("matrices", "_matrices.", "_matrix"),
            ("factors", "_factors.", "_factor"),
        ):
            if head == f"entropy_bottleneck.{old}":
                name = f"entropy_bottleneck.{first if number % 2 else later}{index}"
        renamed[name] = value
    assert "entropy_bottleneck.biases.0" not in renamed
    return renamed


def with_tables(made):
    made.update(force=True)
    return made.state_dict()


def with_tables_of_another(made):
    """As a training leaves them that began with a network of which tables had been made."""
    other = network("mbt2018-mean", 9)
    with torch.no_grad():
        other.entropy_bottleneck.quantiles.mul_(3)
    other.update([0.5, 1.0, 2.0], force=True)
    tables = {
        name: value
        for name, value in other.state_dict().items()
        if name.endswith(("_quantized_cdf", "_offset", "_cdf_length", "scale_table"))
    }
    assert len(tables) == 7
    return {**made.state_dict(), **tables}


def without_buffers(made):
    buffers = {name for name, _ in made.named_buffers() if "entropy" in name or "gaussian" in name}
    assert "gaussian_conditional.scale_table" in buffers
    return {name: value for name, value in made.state_dict().items() if name not in buffers}


def doubles(made):
    return {"model": {name: value.double() for name, value in made.state_dict().items()}}


@pytest.mark.parametrize(
    "form",
    [
        bare,
        training,
        nested,
        parallel,
        compiled,
        lightning,
        wrapped_twice,
        old_names,
        with_tables,
        with_tables_of_another,
        without_buffers,
        doubles,
    ],
)
def test_every_form_of_a_state_dict_is_the_same_network(form, peer, picture, tmp_path):
    made = network("mbt2018-mean", 1)
    torch.save(form(made), tmp_path / "form.pth")
    codec = CompressAI(arch="mbt2018-mean", checkpoint=str(tmp_path / "form.pth"))
    expected = peer.encode(picture, 1).data
    data = codec.encode(picture, 1).data
    assert data[:-4] == expected[:-4]  # all but the CRC, which knows the file
    np.testing.assert_array_equal(codec.decode(data), peer.decode(expected))


class OfOnePart(nn.Module):
    """A user's model, all of whose names begin alike."""

    def __init__(self):
        super().__init__()
        self.net = nn.Linear(2, 3)

    @classmethod
    def from_state_dict(cls, state):
        own = cls()
        own.load_state_dict(state)
        return own

    def update(self, force):
        pass


@pytest.mark.parametrize("prefix", ["", "model.", "model.module."])
def test_a_prefix_of_the_models_own_stays(tmp_path, prefix):
    made = OfOnePart()
    path = tmp_path / "own.pth"
    torch.save({f"{prefix}{name}": value for name, value in made.state_dict().items()}, path)
    loaded = checkpoints.load(OfOnePart, path, hashlib.sha256(path.read_bytes()).hexdigest())
    assert torch.equal(loaded.net.weight, made.net.weight)


def test_files_before_zip_and_safetensors_load_too(peer, picture, tmp_path):
    made = network("mbt2018-mean", 1)
    torch.save(made.state_dict(), tmp_path / "old.pth.tar", _use_new_zipfile_serialization=False)
    save_file(made.state_dict(), tmp_path / "new.safetensors")
    expected = peer.encode(picture, 1).data
    for file in ("old.pth.tar", "new.safetensors"):
        codec = CompressAI(arch="mbt2018-mean", checkpoint=str(tmp_path / file))
        assert codec.encode(picture, 1).data[:-4] == expected[:-4]


def test_blocks_with_the_old_name_downsample(picture, tmp_path):
    made = network("cheng2020-anchor-checkerboard")
    state = {name.replace(".skip.", ".downsample."): value for name, value in made.state_dict().items()}
    assert state.keys() != made.state_dict().keys()
    torch.save(state, tmp_path / "old.pth")
    old, new = (
        CompressAI(arch="cheng2020-anchor-checkerboard", checkpoint=str(file))
        for file in (tmp_path / "old.pth", saved(made, tmp_path / "new.pth"))
    )
    assert old.encode(picture, 1).data[:-4] == new.encode(picture, 1).data[:-4]


@pytest.mark.parametrize(
    ("arch", "names"),
    [
        ("bmshj2018-hyperprior", r"h_s\.0\.weight"),
        ("mbt2018", r"missing, as entropy_parameters\.0\.weight"),
        ("bmshj2018-factorized", r"unknown, as h_a\.0\.weight"),
        ("cheng2020-attn", r"g_a\.0\.conv1\.weight"),
        ("mbt2018-mean-vbr", r"missing, as Gain"),
    ],
)
def test_another_architecture_is_refused_by_the_tensors_that_differ(arch, names, peer, picture):
    codec = CompressAI(arch=arch, checkpoint=peer.checkpoint[0])
    with pytest.raises(BenchError, match=rf"^{arch}: .*q1\.pth\.tar: does not fit .*{names}") as refused:
        codec.encode(picture, 1)
    assert "\n" not in str(refused.value)


def test_shapes_that_disagree_are_named(peer, picture, tmp_path):
    state = network("mbt2018-mean", 1).state_dict()
    state["g_s.0.weight"] = torch.zeros(12, 7, 5, 5)
    torch.save(state, tmp_path / "shape.pth")
    codec = CompressAI(arch="mbt2018-mean", checkpoint=str(tmp_path / "shape.pth"))
    with pytest.raises(BenchError, match=r"g_s\.0\.weight \[12, 7, 5, 5\] for \[12, 8, 5, 5\]"):
        codec.encode(picture, 1)


class Evil:
    def __init__(self, marker):
        self.marker = marker

    def __reduce__(self):
        return os.mkdir, (str(self.marker),)


def test_pickles_are_refused_and_never_run(picture, tmp_path):
    marker = tmp_path / "was_run"
    made = network("mbt2018-mean", 1)
    torch.save({"state_dict": made.state_dict(), "extra": Evil(marker)}, tmp_path / "evil.pth")
    (tmp_path / "evil.pkl").write_bytes(pickle.dumps(Evil(marker)))
    torch.save(made, tmp_path / "whole.pth")
    (tmp_path / "page.pth").write_bytes(b"<html>404</html>")
    (tmp_path / "empty.pth").write_bytes(b"")
    (tmp_path / "list.pth").write_bytes(_torch_bytes([1, 2]))
    (tmp_path / "numbers.pth").write_bytes(_torch_bytes({"epoch": 1, "state_dict": {"a": 1.0}}))
    (tmp_path / "cut.pth").write_bytes(_torch_bytes(made.state_dict())[:4000])
    (tmp_path / "cut.safetensors").write_bytes(b"\x10\0\0\0\0\0\0\0{")
    for file, reason in {
        "evil.pth": "never loaded",
        "evil.pkl": "not a checkpoint",
        "whole.pth": "compressai.models.google.MeanScaleHyperprior",
        "page.pth": "not a checkpoint",
        "empty.pth": "not a checkpoint",
        "list.pth": "no state dict",
        "numbers.pth": "no state dict",
        "cut.pth": "damaged",
        "cut.safetensors": "not a safetensors file",
    }.items():
        with pytest.raises(BenchError, match=rf"^mbt2018-mean: .*{file}: .*{reason}") as refused:
            CompressAI(arch="mbt2018-mean", checkpoint=str(tmp_path / file)).encode(picture, 1)
        assert "\n" not in str(refused.value)
    assert not marker.exists()


def _torch_bytes(item):
    file = io.BytesIO()
    torch.save(item, file)
    return file.getvalue()


def test_a_stream_that_is_cut_damaged_or_of_other_weights_is_refused(peer, picture):
    data = peer.encode(picture, 1).data
    cuts = [data[:length] for length in (0, 3, 4, 8, 12, len(data) // 2, len(data) - 1)]
    flips = [data[:at] + bytes([data[at] ^ 1 << at % 8]) + data[at + 1 :] for at in range(0, len(data), 7)]
    for damaged in [*cuts, *flips, data + b"\0", b"\xff\xd8\xff\xe0 a JPEG", bytes(100)]:
        with refused("mbt2018-mean: ", " bytes ", "damaged", "checkpoints"):
            peer.decode(damaged)
    other = CompressAI(arch="mbt2018-mean", checkpoint=peer.checkpoint[1])
    with pytest.raises(BenchError, match="of other checkpoints"):
        other.decode(data)


@pytest.mark.parametrize("arch", ["mbt2018-mean", "mbt2018-vbr", "bmshj2018-hyperprior-vbr"])
@pytest.mark.parametrize("factor", [1e9, 1e30])
def test_a_network_that_diverges_is_refused_before_it_hangs_the_range_coder(factor, arch, picture, tmp_path):
    made = network(arch)
    with torch.no_grad():
        made.g_a[6].weight.mul_(factor)
    codec = CompressAI(arch=arch, checkpoint=saved(made, tmp_path / "wild.pth"))
    with pytest.raises(BenchError, match="diverges on this picture"):
        codec.encode(picture, 1)


@pytest.mark.parametrize("reach", [4e4, 1e12])
def test_quantiles_that_no_cdf_can_hold_are_refused_before_a_table_is_made(picture, tmp_path, reach):
    made = network("mbt2018-mean")
    with torch.no_grad():
        made.entropy_bottleneck.quantiles[..., 2] = reach
    codec = CompressAI(arch="mbt2018-mean", checkpoint=saved(made, tmp_path / "wide.pth"))
    with pytest.raises(BenchError, match=r"wide\.pth: entropy_bottleneck\.quantiles"):
        codec.encode(picture, 1)


def test_weights_that_are_not_finite_are_refused(picture, tmp_path):
    made = network("mbt2018-mean")
    with torch.no_grad():
        made.g_s[0].bias[0] = float("nan")
    codec = CompressAI(arch="mbt2018-mean", checkpoint=saved(made, tmp_path / "nan.pth"))
    with refused("g_s.0.bias", "not finite"):
        codec.encode(picture, 1)


def test_what_is_given_is_checked_before_anything_is_loaded(peer, tmp_path):
    file = peer.checkpoint[0]
    peer.check()
    for given, reason in [
        ({}, "give arch=.* and checkpoint="),
        ({"arch": "mbt2018-mean"}, "checkpoint=FILE"),
        ({"arch": "mbt2018-mean", "checkpoint": []}, "checkpoint=FILE"),
        ({"arch": "mbt2018_mean", "checkpoint": file}, "choose one of .*mbt2018-mean,"),
        ({"arch": "../q1.pth", "checkpoint": file}, "choose one of"),
        ({"arch": "mbt2018-mean", "checkpoint": str(tmp_path / "q9.pth")}, "q9.pth: no such checkpoint"),
        ({"arch": "mbt2018-mean", "checkpoint": str(tmp_path)}, "no such checkpoint"),
        ({"arch": "mbt2018-mean-vbr", "checkpoint": peer.checkpoint}, "one checkpoint has all rates"),
        ({"arch": "mbt2018-mean", "checkpoint": [file, [file]]}, "a file or a list of files"),
        ({"arch": "mbt2018-mean", "checkpoint": 5}, "a file or a list of files"),
        ({"arch": "mbt2018-mean", "checkpoint": [file, file]}, "twice"),
    ]:
        with pytest.raises(BenchError, match=reason):
            CompressAI(**given).check()


def test_the_fingerprint_follows_the_content_of_the_files(peer, tmp_path):
    copy = tmp_path / "copy.pth"
    shutil.copy(peer.checkpoint[0], copy)
    one, same, other = (
        CompressAI(arch="mbt2018-mean", checkpoint=str(file)).fingerprint()
        for file in (peer.checkpoint[0], copy, peer.checkpoint[1])
    )
    assert one == same != other
    assert {"compressai", "torch", "checkpoints", "source"} <= one.keys()
    factorized = CompressAI(arch="bmshj2018-factorized", checkpoint=str(copy)).fingerprint()
    assert factorized != one


def test_a_file_replaced_while_in_use_is_refused(picture, tmp_path):
    path = tmp_path / "q.pth"
    codec = CompressAI(arch="mbt2018-mean", checkpoint=saved(network("mbt2018-mean", 3), path))
    codec.fingerprint()
    saved(network("mbt2018-mean", 4), path)
    with refused(str(path), "replaced"):
        codec.encode(picture, 1)


def test_without_torch_until_it_codes_and_the_same_in_another_process(peer, picture, tmp_path):
    np.save(tmp_path / "picture.npy", picture)
    (tmp_path / "stream").write_bytes(peer.encode(picture, 2).data)
    (tmp_path / "codec.pkl").write_bytes(pickle.dumps(peer))
    assert (tmp_path / "codec.pkl").stat().st_size < 2000
    np.save(tmp_path / "decoded.npy", peer.decode((tmp_path / "stream").read_bytes()))
    script = """
import pickle, sys
import numpy as np
codec = pickle.load(open("codec.pkl", "rb"))
codec.check(), codec.describe(), codec.fingerprint()
assert "torch" not in sys.modules and "compressai" not in sys.modules
stream = open("stream", "rb").read()
assert codec.encode(np.load("picture.npy"), 2).data == stream
np.testing.assert_array_equal(codec.decode(stream), np.load("decoded.npy"))
import torch
assert torch.get_num_threads() == 2
"""
    subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, check=True, env={**os.environ, "OMP_NUM_THREADS": "2"}
    )


OWN_MODEL = """
import torch
from compressai.entropy_models import EntropyBottleneck
from compressai.models import CompressionModel
from torch import nn

class Pixels(CompressionModel):
    "Nothing but its own idea of strings, shape and loading."
    downsampling_factor = 48

    def __init__(self, width):
        super().__init__()
        self.entropy_bottleneck = EntropyBottleneck(3)
        self.scale = nn.Parameter(torch.full((width,), 15.0))

    @classmethod
    def from_state_dict(cls, state_dict):
        made = cls(len(state_dict["scale"]))
        made.load_state_dict(state_dict)
        return made

    def load_state_dict(self, state_dict):
        return super().load_state_dict(state_dict)

    def compress(self, x):
        assert x.shape[2] % 192 == x.shape[3] % 192 == 0
        coded = self.entropy_bottleneck.compress(x * self.scale)
        return {"strings": [[coded]], "shape": {"y": [x.size()[-2:]], "padded": 192}}

    def decompress(self, strings, shape):
        assert shape["padded"] == 192
        decoded = self.entropy_bottleneck.decompress(strings[0][0], shape["y"][0])
        return {"x_hat": decoded / self.scale}

class Talker(Pixels):
    def compress(self, x):
        return {"strings": ["text"], "shape": 1.5}

class NotOne:
    pass
"""


@pytest.fixture
def own_package(tmp_path, monkeypatch):
    (tmp_path / "pixel_codec").mkdir()
    (tmp_path / "pixel_codec" / "__init__.py").write_text("")
    (tmp_path / "pixel_codec" / "model.py").write_text(OWN_MODEL)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield tmp_path
    for name in ("pixel_codec", "pixel_codec.model"):
        sys.modules.pop(name, None)


def test_a_model_of_the_user_s_own(own_package, picture):
    from pixel_codec.model import Pixels

    file = saved(Pixels(1), own_package / "q.pth")
    codec = CompressAI(arch="pixel_codec.model.Pixels", checkpoint=file)
    assert codec.name == "Pixels"
    data = codec.encode(picture, 1).data
    difference = codec.decode(data).astype(int) - picture
    assert np.abs(difference).max() <= 9  # steps of 1/15
    before = codec.fingerprint()["source"]
    with open(own_package / "pixel_codec" / "model.py", "a") as module:
        module.write("\nMORE = 1\n")
    assert codec.fingerprint()["source"] != before


def test_what_is_no_such_model_is_refused(own_package, picture):
    from pixel_codec.model import Pixels

    file = saved(Pixels(1), own_package / "q.pth")
    for arch, reason in {
        "pixel_codec.model.Talker": "Talker: compress.. must return bytes and sizes, not str",
        "pixel_codec.model.NotOne": "has no from_state_dict, update, compress, decompress",
        "pixel_codec.model.Absent": "no Absent",
        "pixel_codec.absent.Pixels": "cannot import pixel_codec.absent",
    }.items():
        with pytest.raises(BenchError, match=reason):
            CompressAI(arch=arch, checkpoint=file).encode(picture, 1)


def test_the_caption_says_version_number_of_checkpoints_and_what_is_slow(peer):
    assert (
        peer.describe() == f"CompressAI {compressai.__version__} mbt2018-mean, 2 checkpoints, RGB 4:4:4 8 bit"
    )
    assert "autoregressive" in CompressAI(arch="cheng2020-attn", checkpoint=peer.checkpoint).describe()


def test_another_device_has_points_of_its_own_and_refuses_the_bytes(peer, picture):
    on_gpu = replace(peer, device="cuda:1")
    on_cpu, other = peer.fingerprint(), on_gpu.fingerprint()
    assert (other.pop("device"), other) == ("cuda", {**on_cpu, "settings": other["settings"]})
    assert on_gpu.describe() == f"{peer.describe()}, on cuda"
    with refused("of another device"):
        on_gpu.decode(peer.encode(picture, 1).data)


class WhereItIs(nn.Module):
    """A model that tells where its picture is."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(1))

    def compress(self, x):
        assert (x * self.weight).device == x.device
        return {"strings": [[x.device.type.encode()]], "shape": (1, 1)}


def test_a_picture_goes_to_the_device_of_its_network(picture):
    with FakeTensorMode(allow_non_fake_inputs=True):
        with torch.device("cuda"):
            model = WhereItIs()
        strings, _ = checkpoints.Peer(model, False, "cuda").compress(picture, 1000)
    assert strings == [[b"cuda"]]


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_a_gpu_decodes_what_it_wrote(peer, picture):
    on_gpu = replace(peer, device="cuda")
    decoded = on_gpu.decode(on_gpu.encode(picture, 1).data)
    assert abs(decoded.astype(int) - peer.decode(peer.encode(picture, 1).data)).mean() < 1
