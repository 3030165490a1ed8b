import hashlib
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tiny
import torch

from jpegai_bench.errors import BenchError
from jpegai_bench.network.bitstream import Bitstream
from jpegai_bench.network.coding import Coder
from jpegai_bench.network.fixedpoint import from_fixed

SIZES = [(1, 1), (37, 1), (1, 37), (17, 33), (64, 64), (65, 129)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("weights")


@pytest.fixture(scope="module")
def coder(folder) -> Coder:
    return tiny.saved(folder)


def stream_of(coder: Coder, width: int, height: int, quality: float = 1.4) -> bytes:
    return coder.encode(coder.analyze(tiny.picture(width, height)), quality).stream.to_bytes()


@pytest.mark.parametrize(("width", "height"), SIZES)
def test_every_size_decodes_to_the_same_picture_each_time(coder, width, height):
    data = stream_of(coder, width, height)
    first, second = (coder.decode(Bitstream.from_bytes(data)) for _ in range(2))
    assert first.shape == (height, width, 3)
    assert first.dtype == np.uint8
    np.testing.assert_array_equal(first, second)
    assert stream_of(coder, width, height) == data


def test_the_decoder_has_the_latents_that_the_encoder_quantised(coder):
    analyzed = coder.analyze(tiny.picture(65, 129))
    decoded = coder.decode_latents(coder.encode(analyzed, 1.4).stream)
    for branch, latent, ours, z in zip(
        ("luma", "chroma"), analyzed.latents, decoded, analyzed.sides, strict=True
    ):
        gain = torch.exp2(from_fixed(coder.network.shared[f"gain_{branch}"].fixed(1400)))[:, None, None]
        assert len(z.unique()) > 3  # something was coded at all
        assert ((ours - latent) * gain).abs().max() <= 0.5001
        assert ours.abs().max() > 1


def test_higher_quality_costs_more_and_comes_closer_to_the_latents(coder):
    analyzed = coder.analyze(tiny.picture(64, 64))
    lengths, errors = [], []
    for quality in (0.0, 0.5, 1.0, 1.731, 2.0):
        coded = coder.encode(analyzed, quality)
        lengths.append(len(coded.stream.to_bytes()))
        errors.append(
            float((coder.decode_latents(coded.stream).luma - analyzed.latents.luma).square().mean())
        )
        assert coded.stream.quality == round(1000 * quality)
    assert lengths == sorted(lengths)
    assert errors == sorted(errors, reverse=True)
    assert len(set(lengths)) == 5


@pytest.mark.parametrize(("width", "height"), SIZES)
def test_the_number_of_threads_changes_no_latent_and_no_pixel_by_more_than_one_level(coder, width, height):
    stream = Bitstream.from_bytes(stream_of(coder, width, height))
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        latents, pixels = coder.decode_latents(stream), coder.decode(stream)
        torch.set_num_threads(2)
        others, again = coder.decode_latents(stream), coder.decode(stream)
    finally:
        torch.set_num_threads(before)
    assert torch.equal(latents.luma, others.luma)
    assert torch.equal(latents.chroma, others.chroma)
    assert np.abs(pixels.astype(int) - again).max() <= 1


_FRESH = """
import hashlib, sys
from pathlib import Path
import torch
import tiny
from jpegai_bench.network.bitstream import Bitstream
torch.set_num_threads(int(sys.argv[2]))
coder = tiny.load(Path(sys.argv[1]))
for path in sys.argv[3:]:
    pixels = coder.decode(Bitstream.from_bytes(Path(path).read_bytes()))
    print(hashlib.sha256(pixels.tobytes()).hexdigest())
"""


def test_a_fresh_process_decodes_exactly_the_same_pixels(coder, folder, tmp_path):
    paths, wanted = [], []
    for width, height in SIZES:
        path = tmp_path / f"{width}x{height}.jaib"
        path.write_bytes(stream_of(coder, width, height))
        paths.append(str(path))
        pixels = coder.decode(Bitstream.from_bytes(path.read_bytes()))
        wanted.append(hashlib.sha256(pixels.tobytes()).hexdigest())
    command = [
        sys.executable,
        "-W",
        "ignore",
        "-c",
        _FRESH,
        str(folder),
        str(torch.get_num_threads()),
        *paths,
    ]
    done = subprocess.run(command, capture_output=True, text=True, cwd=Path(tiny.__file__).parent)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == wanted


def test_a_stream_of_another_encoder_is_refused_with_both_ids(coder, tmp_path):
    other = tiny.saved(tmp_path, seed=1)
    with pytest.raises(BenchError, match=f"{other.shared_id.hex()}.*{coder.shared_id.hex()}"):
        coder.decode(Bitstream.from_bytes(stream_of(other, 17, 33)))


@pytest.mark.parametrize("quality", [-0.01, 2.001, float("nan"), float("inf")])
def test_a_quality_out_of_range_is_refused_by_the_encoder(coder, quality):
    with pytest.raises(BenchError, match="out of range: 0 to 2"):
        coder.encode(coder.analyze(tiny.picture(17, 33)), quality)


def test_a_quality_out_of_range_is_refused_by_the_decoder(coder):
    stream = Bitstream.from_bytes(stream_of(coder, 17, 33))
    with pytest.raises(BenchError, match=r"quality 2\.001"):
        coder.decode(replace(stream, quality=2001))


@pytest.mark.parametrize("number", range(4))
def test_an_emptied_payload_with_a_valid_checksum_is_refused(coder, number):
    stream = Bitstream.from_bytes(stream_of(coder, 17, 33))
    payloads = list(stream.payloads)
    payloads[number] = b""
    with pytest.raises(BenchError, match="damaged"):
        coder.decode(replace(stream, payloads=tuple(payloads)))


def test_the_estimate_is_within_one_percent_of_the_file_above_10_kb(coder):
    """The latents are drawn from the very distribution that the prior states."""
    analyzed = coder.analyze(tiny.picture(1000, 900))
    random = torch.Generator().manual_seed(0)
    latents = []
    for branch, latent, z in zip(("luma", "chroma"), analyzed.latents, analyzed.sides, strict=True):
        mean, log2_scale = coder.network.shared[f"prior_{branch}"].parameters_of(z, *latent.shape[-2:])
        scale = torch.exp2(from_fixed(log2_scale))
        latents.append(mean + scale * torch.randn(latent.shape, generator=random))
    drawn = replace(analyzed, latents=type(analyzed.latents)(*latents))
    for quality in (1.0, 2.0):
        coded = coder.encode(drawn, quality)
        real = 8 * len(coded.stream.to_bytes())
        assert real > 80_000
        assert coded.estimated_bits == pytest.approx(real, rel=0.01)


def test_diverged_weights_are_refused_when_they_code(tmp_path):
    coder = tiny.saved(tmp_path)
    with torch.no_grad():
        coder.network.shared["analysis_luma"].body[-1].bias.fill_(float("nan"))
    with pytest.raises(BenchError, match="weights"):
        coder.encode(coder.analyze(tiny.picture(17, 33)), 1.0)


def test_an_image_too_large_for_the_container_is_refused(coder):
    with pytest.raises(BenchError, match="70000x1 is out of range"):
        coder.analyze(np.zeros((1, 70_000, 3), np.uint8))
