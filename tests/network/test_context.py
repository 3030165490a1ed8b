from itertools import pairwise

import pytest
import tiny
import torch

from jpegai_bench.network.arithmetic import FRACTION_BITS, Exact, Float, from_exact, to_exact
from jpegai_bench.network.codec import BRANCHES, Planes
from jpegai_bench.network.context import PHASES, ContextSize, GroupPass, PhasePass, context_of
from jpegai_bench.network.entropy import EntropyModel

UNIT = 1 << FRACTION_BITS
SIZES = [(1, 1), (1, 3), (3, 1), (5, 4), (6, 7)]
PASSES = {"none": 1, "multistage": 4, "grouped": 4}


def drawn(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def walked(model, arithmetic, code, height, width, channels=8):
    """A walk with random side information, and with a random reference where the model takes one."""
    held = to_exact if isinstance(arithmetic, Exact) else torch.Tensor.float
    side = model.side(
        arithmetic, held(drawn(1, channels, -(-height // 4), -(-width // 4)) * 3), height, width
    )
    seen = model.passes[0].features.in_channels - channels if model.passes else 0
    reference = held(drawn(1, seen, height, width, seed=1)) if seen else None
    return model.walk(arithmetic, side, code, reference)


def model_of(context, branch="luma", seed=0):
    return tiny.network(seed, context).entropy(branch)


@torch.no_grad()
@pytest.mark.parametrize(("height", "width"), SIZES)
@pytest.mark.parametrize("context", tiny.CONTEXTS)
def test_every_value_of_a_latent_is_coded_once_and_kept_in_its_place(context, height, width):
    value, places = torch.arange(8.0 * height * width).reshape(1, 8, height, width), []

    def code(parts):
        places.extend(part.of(value) for part in parts)
        assert parts
        assert all(part.mean.shape == part.log2_scale.shape == part.of(value).shape for part in parts)
        assert min(part.mean.numel() for part in parts) > 0
        return [to_exact(part.of(value)) for part in parts]

    latent = walked(model_of(context), Exact(1400), code, height, width)
    assert sorted(torch.cat([place.flatten() for place in places]).tolist()) == value.flatten().tolist()
    assert torch.equal(latent, to_exact(value))


@torch.no_grad()
@pytest.mark.parametrize("branch", BRANCHES)
@pytest.mark.parametrize("context", tiny.CONTEXTS)
def test_a_pass_sees_what_was_decoded_before_it_and_nothing_else(context, branch):
    model, most = model_of(context, branch), PASSES[context]

    def parameters(changed):
        """Of each pass, where the values of one are others."""
        seen = []

        def code(parts):
            seen.append(torch.cat([t.flatten() for part in parts for t in (part.mean, part.log2_scale)]))
            other = UNIT if len(seen) - 1 == changed else 0
            return [part.mean + 300 + other for part in parts]

        walked(model, Exact(1400), code, 6, 7)
        return seen

    plain = parameters(None)
    assert len(plain) == most
    for changed in range(most):
        now = parameters(changed)
        for number, (one, other) in enumerate(zip(plain, now, strict=True)):
            assert torch.equal(one, other) == (number <= changed), f"pass {number}, changed {changed}"


@torch.no_grad()
@pytest.mark.parametrize("context", ["multistage", "grouped"])
def test_what_a_position_sees_is_around_it(context):
    """A value tells the pass that follows within 3x3 positions (multistage: 3x3 blocks of 2x2)."""
    model, reach = model_of(context), {"multistage": 3, "grouped": 1}[context]

    def second(row):
        calls = []

        def code(parts):
            calls.append(parts)
            decoded = [part.mean + 300 for part in parts]
            if len(calls) == 1 and row is not None:
                decoded[0][..., row // 2, 0] += UNIT
            return decoded

        walked(model, Exact(0), code, 16, 2)
        return calls[1]

    rows = set()
    for plain, changed in zip(second(None), second(8), strict=True):
        others = (plain.mean != changed.mean).any(dim=3).any(dim=1)[0].nonzero().flatten()
        rows |= {2 * row + plain.phase[0] for row in others.tolist()}
    assert min(rows) < 8 < max(rows)
    assert max(abs(row - 8) for row in rows) <= reach


@torch.no_grad()
@pytest.mark.parametrize("branch", BRANCHES)
@pytest.mark.parametrize("context", ["multistage", "grouped"])
def test_fresh_passes_predict_what_the_hyperprior_does(context, branch):
    """A context model added to a trained network changes nothing before its own training."""
    torch.manual_seed(0)
    model = EntropyModel(8, 8, 3, tiny.CONTEXTS[context], reference=0 if branch == "luma" else 8)
    side, found = [], []

    def code(parts):
        found.extend(parts)
        return [part.mean + 300 for part in parts]

    z = to_exact(drawn(1, 8, 2, 2) * 3)
    side = model.side(Exact(700), z, 6, 7)
    reference = None if branch == "luma" else to_exact(drawn(1, 8, 6, 7))
    model.walk(Exact(700), side, code, reference)
    for part in found:
        assert torch.equal(part.mean, part.of(side.mean))
        assert torch.equal(part.log2_scale, part.of(side.log2_scale))


@torch.no_grad()
@pytest.mark.parametrize("context", ["multistage", "grouped"])
def test_chroma_is_told_of_luma(context):
    model = model_of(context, "chroma")
    side = model.side(Exact(0), to_exact(drawn(1, 8, 1, 1)), 3, 3)

    def mean(reference):
        found = []
        model.walk(Exact(0), side, lambda parts: [found.append(p.mean) or p.mean for p in parts], reference)
        return found[0]

    assert not torch.equal(mean(to_exact(drawn(1, 8, 3, 3))), mean(to_exact(drawn(1, 8, 3, 3, seed=1))))


@torch.no_grad()
def test_groups_are_told_the_quality():
    model, found = model_of("grouped"), []
    for quality in (0, 1000, 1001, 2000):
        walked(model, Exact(quality), lambda parts: [found.append(p.mean) or p.mean for p in parts], 2, 2)
    assert not torch.equal(found[0], found[len(found) // 4])
    assert not torch.equal(found[0], found[-len(found) // 4])


@torch.no_grad()
def test_what_is_known_counts_in_scales_of_the_hyperprior_up_to_eight():
    """A value eight scales off and one far beyond are the same to those that follow."""
    model, scale = model_of("grouped"), 4 * UNIT

    def last_mean(deviation):
        side = model.side(Exact(0), to_exact(drawn(1, 8, 1, 1)), 4, 4)
        side = side._replace(log2_scale=torch.full_like(side.mean, 2.0 * UNIT))
        means = []

        def code(parts):
            means.extend(part.mean for part in parts)
            if len(means) > 2:
                return [part.mean for part in parts]
            return [part.of(side.mean) + deviation * scale for part in parts]

        model.walk(Exact(0), side, code)
        return means[-1]

    assert torch.equal(last_mean(8.0), last_mean(5000.0))
    assert not torch.equal(last_mean(7.0), last_mean(8.0))
    assert not torch.equal(last_mean(-8.0), last_mean(8.0))


@torch.no_grad()
def test_a_multistage_context_of_many_channels_is_grouped_and_exact():
    """64 channels take a grouped convolution, which the tiny networks have not."""
    torch.manual_seed(0)
    model = EntropyModel(64, 8, 3, ContextSize("multistage"))
    assert model.passes[1].neighbours.groups == 2
    for parameter in model.passes.parameters():
        parameter.add_(0.05 * torch.randn_like(parameter))
    deviation = to_exact(drawn(1, 64, 5, 6))

    def walk(arithmetic, held):
        found = []

        def code(parts):
            found.extend(parts)
            return [part.mean + part.of(held(deviation)) for part in parts]

        return walked(model, arithmetic, code, 5, 6), found

    ours, parts = walk(Exact(0), lambda x: x)
    theirs, others = walk(Float(torch.zeros(1)), from_exact)
    assert (from_exact(ours) - theirs).abs().max() < 0.02
    assert len(parts) == len(others) == 4
    for one, other in zip(parts, others, strict=True):
        assert (from_exact(one.mean) - other.mean).abs().max() < 0.02


def test_the_first_two_phases_are_a_checkerboard_and_all_four_every_position():
    (a, b), (c, d), *_ = PHASES
    assert (a + b) % 2 == (c + d) % 2 == 0
    assert sorted(PHASES) == [(0, 0), (0, 1), (1, 0), (1, 1)]


@pytest.mark.parametrize("groups", [(8,), (1, 7), (2, 2, 2, 2)])
def test_groups_take_two_passes_each_and_follow_one_another(groups):
    passes = list(context_of(ContextSize("grouped", groups, 8), 8, 8, 3))
    assert len(passes) == 2 * len(groups)
    assert all(isinstance(one, GroupPass) for one in passes)
    assert [one.end - one.first for one in passes[::2]] == list(groups)
    assert [one.first for one in passes[::2]] == [one.first for one in passes[1::2]]
    assert all(before.end == after.first for before, after in pairwise(passes[::2]))
    assert passes[0].first == 0
    assert passes[-1].end == 8
    assert passes[0].phases + passes[1].phases == PHASES


def test_the_other_kinds_take_four_passes_and_none():
    stages = list(context_of(ContextSize("multistage"), 8, 8, 3))
    assert all(isinstance(one, PhasePass) for one in stages)
    assert [one.phases for one in stages] == [(phase,) for phase in PHASES]
    assert len(context_of(ContextSize(), 8, 8, 3)) == 0


@pytest.mark.parametrize("groups", [(), (7,), (4, 5), (0, 8), (9, -1)])
def test_groups_that_are_not_the_latents_channels_are_refused(groups):
    with pytest.raises(ValueError, match="8 channels"):
        context_of(ContextSize("grouped", groups, 8), 8, 8, 3)


@pytest.mark.parametrize("context", tiny.CONTEXTS)
def test_everything_that_is_trained_gets_a_gradient(context):
    network = tiny.network(context=context).train()
    random = torch.Generator().manual_seed(0)
    planes = Planes(torch.rand(2, 1, 128, 192, generator=random), torch.rand(2, 2, 64, 96, generator=random))
    output = network(planes, torch.tensor([0.4, 1.7]))
    error = sum((made - wanted).square().mean() for made, wanted in zip(output.planes, planes, strict=True))
    (output.latent_bits.sum() / 1e4 + output.side_bits.sum() / 1e4 + error).backward()
    trained = {name: p.grad for name, p in network.named_parameters() if not name.endswith("quantiles")}
    without = [name for name, gradient in trained.items() if gradient is None or not gradient.abs().max() > 0]
    assert without == []
    assert all(bool(torch.isfinite(gradient).all()) for gradient in trained.values())
    assert any(".passes." in name for name in trained) == (context != "none")


@pytest.mark.parametrize("context", ["multistage", "grouped"])
def test_fresh_passes_learn(context):
    """Their last layers start at zero; a step of descent moves them, and then all the others."""
    torch.manual_seed(0)
    network = tiny.network(context=context).train()
    with torch.no_grad():
        for branch in BRANCHES:
            for step in network.entropy(branch).passes:
                last = step.output if isinstance(step, GroupPass) else step.fusion[-1]
                last.weight.zero_()
                last.bias.zero_()
    planes = Planes(torch.rand(1, 1, 128, 128), torch.rand(1, 2, 64, 64))
    optimizer = torch.optim.SGD(network.shared.parameters(), lr=1e-6)
    for _ in range(2):
        optimizer.zero_grad()
        network(planes, torch.tensor([1.0])).latent_bits.sum().backward()
        optimizer.step()
    passes = [p for branch in BRANCHES for p in network.entropy(branch).passes.parameters()]
    assert all(parameter.grad.abs().max() > 0 for parameter in passes)
