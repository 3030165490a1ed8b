"""The weights that ship: every variant, one encoder, bitstreams equal to the byte."""

import hashlib
import json
from dataclasses import fields
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from command import settings

from jpegai_bench.commands.train import TrainSettings
from jpegai_bench.config.variants import packaged_variant, structure_of, variant_names
from jpegai_bench.images.datasets import load
from jpegai_bench.metrics import planes, psnr
from jpegai_bench.network import weight_files, weights
from jpegai_bench.network.attention import RNAB
from jpegai_bench.network.bitstream import Bitstream
from jpegai_bench.network.codec import Network
from jpegai_bench.network.weight_files import SHIPPED_WEIGHTS
from jpegai_bench.training.recipe import Recipe

FOLDER = SHIPPED_WEIGHTS / "small"


@pytest.fixture(scope="module")
def image():
    """A piece of a photograph, of a size that has to be padded."""
    return next(one for one in load("sample").images if one.name == "chelsea").read()[60:157, 100:233]


@pytest.fixture(scope="module")
def coders():
    """Every variant as it is loaded by default."""
    chosen = settings("model=small")
    size = chosen.model.network_size()
    found = {}
    for name in variant_names():
        variant = packaged_variant(chosen, name)
        network = Network(size, variant.modules(size))
        found[name] = weights.load(network, FOLDER, name, structure_of(chosen, variant))
    return found


def test_every_variant_ships_and_is_small(coders):
    assert len(coders) == 10
    for name in coders:
        assert (FOLDER / weight_files.synthesis_file(name)).stat().st_size < 6e6


def test_the_recipe_of_an_ablation_is_that_of_every_synthesis(coders):
    words = settings("training=ablation", kind=TrainSettings).training
    ablation = Recipe(**{item.name: getattr(words, item.name) for item in fields(Recipe)}).as_dict()
    for name in coders:
        note = weight_files.read(FOLDER / weight_files.synthesis_file(name), "synthesis")[1]["note"]
        assert json.loads(note)["recipe"] | {"seed": 0, "precision": "auto"} == ablation, name


def test_bitstreams_of_all_variants_are_byte_for_byte_the_same(coders, image):
    for quality in (0, 2.5, 5):
        streams = {
            name: coder.encode(coder.analyze(image), quality).stream.to_bytes()
            for name, coder in coders.items()
        }
        assert set(streams.values()) == {streams["base"]}


def test_every_variant_decodes_the_bitstream_of_another_and_differs(coders, image):
    data = coders["base"].encode(coders["base"].analyze(image), 5).stream.to_bytes()
    decoded = {name: coder.decode(Bitstream.from_bytes(data)) for name, coder in coders.items()}
    for name, found in decoded.items():
        psnr = 20 * np.log10(255) - 10 * np.log10(np.mean((found.astype(float) - image) ** 2))
        assert psnr > 30, name
    assert len({found.tobytes() for found in decoded.values()}) == len(decoded)


def mask_spreads(coder, image):
    """By how much each mask of RNAB varies over the picture, in the mean of its channels."""
    spreads = {}

    def look(place, _module, _arguments, output):
        spreads[place] = float(torch.sigmoid(output).std((2, 3)).mean())

    for place, module in coder.network.synthesis.named_modules():
        if isinstance(module, RNAB):
            module.mask.register_forward_hook(partial(look, place))
    coder.decode(coder.encode(coder.analyze(image), 4).stream)
    return spreads


@pytest.mark.parametrize("name", ["base", "activation", "upsampling"])
def test_no_mask_is_flat(coders, image, name):
    """An attention whose mask is the same everywhere has died in the training, unseen in the loss."""
    spreads = mask_spreads(coders[name], image)
    assert len(spreads) == 4
    assert min(spreads.values()) > 0.01, spreads


CODED = {"astronaut": (5591, 30.062), "chelsea": (2683, 31.451)}
"""Of two sample photographs at quality 2: bytes of the file, and PSNR-Y of `base` in dB.

No change of the code moves the codec unnoticed; another processor may round a few symbols otherwise. New
weights bring new values: what the test prints.
"""
STREAM = Path(__file__).parent / "chelsea.jai"
"""`image` at quality 2.5, as these weights coded it; new weights bring a new one."""
LATENTS = "1a93f506f3e45765"
"""Of the latents decoded from it, to the bit on every machine."""


@pytest.mark.parametrize("name", CODED)
def test_two_photographs_are_coded_as_they_were(coders, name):
    picture = next(one for one in load("sample").images if one.name == name).read()
    coder, (length, decibels) = coders["base"], CODED[name]
    stream = coder.encode(coder.analyze(picture), 2).stream
    found = psnr.compare(*(planes.prepare(rgb) for rgb in (picture, coder.decode(stream))))["psnr_y"]
    print(f'"{name}": ({len(stream.to_bytes())}, {found:.3f})')
    assert len(stream.to_bytes()) == pytest.approx(length, rel=0.002)
    assert found == pytest.approx(decibels, abs=0.02)


def test_a_stream_decodes_to_the_latents_that_it_had(coders):
    latents = coders["base"].decode_latents(Bitstream.from_bytes(STREAM.read_bytes()))
    assert (
        hashlib.sha256(b"".join(latent.numpy().tobytes() for latent in latents)).hexdigest()[:16] == LATENTS
    )
