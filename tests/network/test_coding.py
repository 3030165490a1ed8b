import hashlib
import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tiny
import torch

from jpegai_bench.errors import BenchError
from jpegai_bench.network.arithmetic import Exact, from_exact
from jpegai_bench.network.bitstream import Bitstream
from jpegai_bench.network.cdf_tables import Histograms
from jpegai_bench.network.codec import BRANCHES
from jpegai_bench.network.coding import RDO, Coder, quantize

SIZES = [(1, 1), (37, 1), (1, 37), (17, 33), (64, 64), (65, 129)]
"""Width and height; chroma latents of 1x1, 1x2, 2x1, 2x2 and 3x5, so that passes are empty or odd."""


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    return {context: tmp_path_factory.mktemp(context) for context in tiny.CONTEXTS}


@pytest.fixture(scope="module")
def coders(folders) -> dict[str, Coder]:
    return {context: tiny.saved(folder, context=context) for context, folder in folders.items()}


@pytest.fixture(scope="module", params=list(tiny.CONTEXTS))
def coder(request, coders) -> Coder:
    return coders[request.param]


@pytest.fixture(scope="module")
def plain(coders) -> Coder:
    return coders["none"]


def stream_of(coder: Coder, width: int, height: int, quality: float = 1.4) -> bytes:
    return coder.encode(coder.analyze(tiny.picture(width, height)), quality).stream.to_bytes()


def coded_with_latents(coder: Coder, analyzed, quality: float, monkeypatch):
    """What is encoded, and the latents with which the encoder went on from pass to pass."""
    walk, kept = coder._walk, []

    def watched(*arguments):
        kept.append(walk(*arguments))
        return kept[-1]

    with monkeypatch.context() as patch:
        patch.setattr(coder, "_walk", watched)
        coded = coder.encode(analyzed, quality)
    (latents,) = kept
    return coded, latents


@pytest.mark.parametrize(("width", "height"), SIZES)
def test_every_size_decodes_to_the_same_picture_each_time(coder, width, height):
    data = stream_of(coder, width, height)
    first, second = (coder.decode(Bitstream.from_bytes(data)) for _ in range(2))
    assert first.shape == (height, width, 3)
    assert first.dtype == np.uint8
    np.testing.assert_array_equal(first, second)
    assert stream_of(coder, width, height) == data


@pytest.mark.parametrize("rdo", [0.0, RDO])
@pytest.mark.parametrize(("width", "height"), SIZES)
def test_the_decoder_has_the_latents_of_the_encoder_to_the_bit(coder, monkeypatch, width, height, rdo):
    """The decoder is not told whether the encoder optimised."""
    monkeypatch.setattr(coder, "rdo", rdo)
    analyzed = coder.analyze(tiny.picture(width, height))
    for quality in (0.0, 1.4, 2.0):
        coded, latents = coded_with_latents(coder, analyzed, quality, monkeypatch)
        monkeypatch.setattr(coder, "rdo", 0.0)
        for ours, theirs in zip(coder.decode_latents(coded.stream), latents, strict=True):
            assert torch.equal(ours, theirs)
            assert ours.abs().max() > 0.1
        monkeypatch.setattr(coder, "rdo", rdo)


def test_the_latents_are_those_of_the_analysis_rounded_to_the_nearest(coder):
    analyzed = coder.analyze(tiny.picture(65, 129))
    decoded = coder.decode_latents(coder.encode(analyzed, 1.4).stream)
    for branch, latent, ours, z in zip(BRANCHES, analyzed.latents, decoded, analyzed.z, strict=True):
        gain = torch.exp2(from_exact(coder.network.log2_gain(branch, Exact(1400))))
        assert len(z.unique()) > 3  # something was coded at all
        # Half a step, and what rounding to 2**-10 adds.
        assert ((ours - latent) * gain).abs().max() <= 0.5 + 2**-10 * float(gain.max())
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


@pytest.mark.parametrize(("width", "height"), [(17, 33), (65, 129)])
def test_the_number_of_threads_changes_no_stream_no_latent_and_no_pixel_by_more_than_a_level(
    coder, monkeypatch, width, height
):
    monkeypatch.setattr(coder, "rdo", RDO)
    analyzed = coder.analyze(tiny.picture(width, height))
    before, found = torch.get_num_threads(), []
    try:
        for threads in (1, 2, 3):
            torch.set_num_threads(threads)
            stream = coder.encode(analyzed, 1.4).stream
            found.append((stream, coder.decode_latents(stream), coder.decode(stream)))
    finally:
        torch.set_num_threads(before)
    stream, latents, pixels = found[0]
    for other, others, again in found[1:]:
        assert other == stream
        assert all(torch.equal(a, b) for a, b in zip(latents, others, strict=True))
        assert np.abs(pixels.astype(int) - again).max() <= 1


_CHILD = """
import json, sys
from pathlib import Path
import torch
import tiny
from jpegai_bench.network.bitstream import Bitstream
told = json.loads(sys.argv[1])
coders = {context: tiny.load(Path(folder), context=context) for context, folder in told["weights"].items()}
found = {}
for machine, (threads, mkldnn, flush) in told["settings"].items():
    torch.set_num_threads(threads)
    torch.backends.mkldnn.set_flags(mkldnn)
    assert torch.set_flush_denormal(flush)
    made = found[machine] = {}
    for context, coder in coders.items():
        for number, path in enumerate(told["streams"][context]):
            stream = Bitstream.from_bytes(Path(path).read_bytes())
            latents = coder.decode_latents(stream)
            with torch.inference_mode():
                floats = coder.network.synthesize(latents)
            made[f"{context} {number}"] = {
                "luma": latents.luma, "chroma": latents.chroma,
                "pixels": torch.from_numpy(coder.decode(stream)), "floats": floats.luma,
            }
torch.save(found, told["out"])
"""

OLDEST = {"DNNL_MAX_CPU_ISA": "SSE41", "ATEN_CPU_CAPABILITY": "default", "MKL_CBWR": "COMPATIBLE"}
PROCESSES = (
    ({}, {"as here": (1, True, False), "without oneDNN, three threads": (3, False, False)}),
    (OLDEST, {"of any x86": (1, True, False), "of any x86, denormals flushed": (2, False, True)}),
)
"""By environment: threads, oneDNN and flushing of denormals, which a process may change while it runs."""
MACHINES = [machine for _, settings in PROCESSES for machine in settings]


@pytest.fixture(scope="module")
def streams(coders, tmp_path_factory):
    """The files of each coder, and what this process decodes of them."""
    folder, paths, wanted = tmp_path_factory.mktemp("streams"), {}, {}
    for context, coder in coders.items():
        paths[context] = []
        for number, (width, height) in enumerate(SIZES[1::2]):
            data = stream_of(coder, width, height, quality=0.3 + 0.7 * number)
            path = folder / f"{context}-{number}.jai"
            path.write_bytes(data)
            paths[context].append(str(path))
            stream = Bitstream.from_bytes(data)
            wanted[f"{context} {number}"] = (*coder.decode_latents(stream), coder.decode(stream))
    return paths, wanted


@pytest.fixture(scope="module")
def elsewhere(folders, streams, tmp_path_factory):
    """What processes of their own decode, as on each of `MACHINES`."""
    out, decoded = tmp_path_factory.mktemp("elsewhere"), {}
    for number, (environment, settings) in enumerate(PROCESSES):
        told = {
            "settings": settings,
            "weights": {context: str(folder) for context, folder in folders.items()},
        }
        told |= {"streams": streams[0], "out": str(out / f"{number}.pt")}
        command = [sys.executable, "-W", "ignore", "-c", _CHILD, json.dumps(told)]
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            cwd=Path(tiny.__file__).parent,
            env={**os.environ, "OMP_WAIT_POLICY": "PASSIVE", **environment},
        )
        assert done.returncode == 0, done.stderr
        decoded |= torch.load(told["out"])
    return decoded


@pytest.mark.parametrize("machine", MACHINES)
def test_other_float_instructions_change_no_latent_and_no_pixel_by_more_than_a_level(
    streams, elsewhere, machine
):
    for name, (luma, chroma, pixels) in streams[1].items():
        made = elsewhere[machine][name]
        assert torch.equal(made["luma"], luma), name
        assert torch.equal(made["chroma"], chroma), name
        apart = np.abs(pixels.astype(int) - made["pixels"].numpy()).max()
        assert apart <= (0 if machine == "as here" else 1), name


def test_the_float_instructions_of_these_processes_do_differ(elsewhere):
    """Or the test above could not fail: the synthesis, in floats, gives other last digits."""
    digests = {
        machine: hashlib.sha256(
            b"".join(one["floats"].numpy().tobytes() for one in made.values())
        ).hexdigest()
        for machine, made in elsewhere.items()
    }
    assert len(set(digests.values())) >= 3, digests


def test_a_stream_of_another_encoder_is_refused_with_both_ids(plain, tmp_path):
    other = tiny.saved(tmp_path, seed=1)
    with pytest.raises(BenchError, match=f"{other.shared_id.hex()}.*{plain.shared_id.hex()}"):
        plain.decode(Bitstream.from_bytes(stream_of(other, 17, 33)))


@pytest.mark.parametrize("quality", [-0.01, 2.001, float("nan"), float("inf")])
def test_a_quality_out_of_range_is_refused_by_the_encoder(plain, quality):
    with pytest.raises(BenchError, match="out of range: 0 to 2"):
        plain.encode(plain.analyze(tiny.picture(17, 33)), quality)


def test_a_quality_out_of_range_is_refused_by_the_decoder(plain):
    stream = Bitstream.from_bytes(stream_of(plain, 17, 33))
    with pytest.raises(BenchError, match=r"quality 2\.001"):
        plain.decode(replace(stream, quality=2001))


@pytest.mark.parametrize("length", [3, 13])
def test_a_payload_of_no_possible_length_with_a_valid_checksum_is_refused(coder, length):
    stream = Bitstream.from_bytes(stream_of(coder, 17, 33))
    with pytest.raises(BenchError, match="damaged"):
        coder.decode(replace(stream, payload=stream.payload[:length]))


@pytest.mark.parametrize(
    "payload",
    [b"", bytes(4)],
    ids=["empty", "zeros"],
)
def test_a_forged_payload_decodes_to_a_picture_of_the_size_that_it_claims(coder, payload):
    stream = Bitstream(65, 129, 1400, coder.shared_id, payload)
    first, second = coder.decode(stream), coder.decode(stream)
    assert first.shape == (129, 65, 3)
    np.testing.assert_array_equal(first, second)


def test_a_payload_that_goes_on_behind_the_last_symbol_is_refused(coder):
    stream = Bitstream.from_bytes(stream_of(coder, 17, 33))
    with pytest.raises(BenchError, match="damaged"):
        coder.decode(replace(stream, payload=stream.payload + bytes(range(200))))


@pytest.mark.parametrize("rdo", [0.0, RDO])
def test_the_estimate_is_within_one_percent_of_the_file_above_10_kb(coder, monkeypatch, rdo):
    monkeypatch.setattr(coder, "rdo", rdo)
    analyzed = coder.analyze(tiny.picture(1000, 900))
    for quality in (1.0, 2.0):
        coded = coder.encode(analyzed, quality)
        real = 8 * len(coded.stream.to_bytes())
        assert real > 80_000
        assert coded.estimated_bits == pytest.approx(real, rel=0.01)


def test_an_encoder_that_optimises_spends_fewer_bits_for_a_little_more_error(coder, monkeypatch):
    analyzed, bits, errors = coder.analyze(tiny.picture(400, 300)), [], []
    for rdo in (0.0, 0.05, 0.15):
        monkeypatch.setattr(coder, "rdo", rdo)
        stream = coder.encode(analyzed, 0.7).stream
        bits.append(8 * len(stream.to_bytes()))
        decoded, error = coder.decode_latents(stream), 0.0
        for branch, latent, ours in zip(BRANCHES, analyzed.latents, decoded, strict=True):
            gain = torch.exp2(from_exact(coder.network.log2_gain(branch, Exact(700))))
            error += float(((ours - latent) * gain).square().sum())
        errors.append(error)
    assert bits[0] > bits[1] > bits[2]
    assert errors[0] < errors[2] < 1.25 * errors[0]
    assert abs(errors[1] - errors[0]) < 0.05 * errors[0]  # with a context other means are predicted, too


def test_optimised_symbols_are_worth_their_error(plain):
    """Of each symbol: no more than one towards zero, and only where bits are saved for it."""
    random = torch.Generator().manual_seed(0)
    residual = 3 * torch.randn(5000, generator=random, dtype=torch.float64)
    indexes, tables = torch.randint(5, 30, (5000,), generator=random), plain.tables
    nearest, chosen = quantize(residual, indexes, tables, 0.0), quantize(residual, indexes, tables, 0.1)
    assert torch.equal(nearest, residual.round().long())
    moved = nearest != chosen
    assert 10 < moved.sum() < 4000
    assert torch.equal(chosen[moved], (nearest - nearest.sign())[moved])
    cost = [
        0.1 * tables.bits(symbols, indexes) + (residual - symbols).square() for symbols in (nearest, chosen)
    ]
    assert bool((cost[1] <= cost[0] + 1e-6).all())
    assert bool((cost[1][moved] < cost[0][moved]).all())
    assert quantize(residual, indexes, tables, 1e9).abs().max() >= nearest.abs().max() - 1  # one step at most


def test_tables_made_of_what_is_coded_code_it_in_fewer_bits(tmp_path):
    """As `save` makes them: from the symbols that the network itself codes, with Gaussian tables."""
    image, counted = tiny.picture(400, 300), []

    def count(coder):
        coder.histograms = Histograms()
        coder.encode(coder.analyze(image), 1.0)
        counted.append(coder)
        return coder.histograms

    gaussian = tiny.saved(tmp_path / "gaussian", context="grouped")
    counting = tiny.saved(tmp_path / "counted", context="grouped", count=count)
    analyzed = gaussian.analyze(image)
    coded = sum(part.numel() for part in (*analyzed.z, *analyzed.latents))
    assert counted[0].histograms.counts.sum() == coded
    assert counting.shared_id != gaussian.shared_id
    first, second = (coder.encode(coder.analyze(image), 1.0).stream for coder in (gaussian, counting))
    assert len(second.payload) < len(first.payload)
    ours, theirs = counting.decode(second), gaussian.decode(first)
    np.testing.assert_array_equal(ours.shape, theirs.shape)
    assert (
        np.abs(ours.astype(int) - theirs).mean() < 5
    )  # the tables decide lengths; symbols move by RDO alone


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 1e30])
def test_diverged_weights_are_refused_when_they_code(tmp_path, value):
    coder = tiny.saved(tmp_path)
    with torch.no_grad():
        coder.network.shared["analysis_luma"].down4.bias.fill_(value)
    with pytest.raises(BenchError, match="weights"):
        coder.encode(coder.analyze(tiny.picture(17, 33)), 1.0)


def test_a_latent_that_is_not_a_number_is_refused(coder):
    """Also where z is sound."""
    analyzed = coder.analyze(tiny.picture(17, 33))
    luma = analyzed.latents.luma.clone()
    luma[0, 0, 0, 0] = float("nan")
    with pytest.raises(BenchError, match="weights"):
        coder.encode(replace(analyzed, latents=analyzed.latents._replace(luma=luma)), 1.0)


def test_an_image_too_large_for_the_container_is_refused(plain):
    with pytest.raises(BenchError, match="70000x1 is out of range"):
        plain.analyze(np.zeros((1, 70_000, 3), np.uint8))
