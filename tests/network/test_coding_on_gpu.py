"""On a GPU every tensor of coding is where the network is; symbols are range-coded on the CPU.

Where there is no GPU, fake tensors go the same way: torch says where each would be, and refuses what mixes.
"""

import numpy as np
import pytest
import tiny
import torch
from command import TINY, settings
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.fx.experimental.symbolic_shapes import ShapeEnv

from jpegai_bench.config.variants import packaged_variant, variant_names
from jpegai_bench.network import coding
from jpegai_bench.network.cdf_tables import Tables, scale_tables
from jpegai_bench.network.codec import Network
from jpegai_bench.network.coding import Coder, to_planes

PICTURE = np.random.default_rng(0).integers(0, 256, (96, 80, 3), dtype=np.uint8)
CONTEXTS = list(tiny.CONTEXTS)


class NoSymbols:
    """In the place of the range coder, which has no bytes to read of fake tensors."""

    def read(self, indexes: Tensor, tables: object) -> Tensor:
        assert indexes.device.type == "cpu"
        return torch.zeros(indexes.shape, dtype=torch.int64, device="cpu")


class Unwritten(coding._Encoding):
    """Its symbols are in no stream: fake ones have no values to write."""

    def _write(self, symbols: Tensor, indexes: Tensor) -> None:
        assert symbols.device.type == indexes.device.type == "cpu"


@pytest.fixture(scope="module")
def tables() -> Tables:
    return scale_tables()


@pytest.mark.parametrize("context", CONTEXTS)
def test_all_of_coding_follows_the_network(context, tables):
    with FakeTensorMode(allow_non_fake_inputs=True, shape_env=ShapeEnv()), torch.no_grad():
        with torch.device("cuda"):
            network = tiny.network(context=context)
        coder = Coder(network, tables, bytes(8))
        planes = to_planes(PICTURE, coder.device)
        latents = network.analyze(planes)
        z = [
            network.entropy(branch).side_information(latent)
            for branch, latent in zip(coding.BRANCHES, latents, strict=True)
        ]
        encodings = [Unwritten(coder, None, *given) for given in zip(z, latents, strict=True)]
        encoded = coder._walk(1500, encodings)
        shapes = [coder._shapes(branch, 80, 96) for branch in coding.BRANCHES]
        decoded = coder._walk(1500, [coding._Decoding(coder.tables, NoSymbols(), *shape) for shape in shapes])
        shown = network.synthesize(decoded)
    for tensors in (list(network.parameters()), planes, latents, z, encoded, decoded, shown):
        assert {tensor.device.type for tensor in tensors} == {"cuda"}
    for walked in (encoded, decoded):
        assert [tuple(latent.shape) for latent in walked] == [tuple(latent.shape) for latent in latents]


@pytest.mark.parametrize("variant", variant_names())
def test_every_variant_that_ships_follows_its_weights(variant):
    chosen = settings(f"+variant={variant}", *TINY)
    size = chosen.model.network_size()
    modules = packaged_variant(chosen, variant).modules(size)
    with FakeTensorMode(allow_non_fake_inputs=True, shape_env=ShapeEnv()), torch.no_grad():
        with torch.device("cuda"):
            network = Network(size, modules).eval()
        latents = network.analyze(to_planes(PICTURE, torch.device("cuda")))
        shown = network.synthesize(latents)
    for tensors in (list(network.parameters()), latents, shown):
        assert {tensor.device.type for tensor in tensors} == {"cuda"}
    assert [tuple(plane.shape) for plane in shown] == [(1, 1, 96, 96), (1, 2, 48, 48)]


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@pytest.mark.parametrize("context", CONTEXTS)
def test_a_gpu_decodes_what_the_cpu_wrote_and_the_other_way_round(context, tmp_path):
    on_cpu, on_gpu = (tiny.saved(tmp_path / place, context=context) for place in ("cpu", "gpu"))
    on_gpu.network.to("cuda")
    for writer, reader in ((on_cpu, on_gpu), (on_gpu, on_cpu)):
        coded = writer.encode(writer.analyze(PICTURE), 1.5)
        latents = reader.decode_latents(coded.stream)
        assert all(torch.equal(a.cpu(), b.cpu()) for a, b in zip(latents, coded.latents, strict=True))
        pictures = [coder.decode(coded.stream).astype(int) for coder in (writer, reader)]
        assert abs(pictures[0] - pictures[1]).max() <= 1
