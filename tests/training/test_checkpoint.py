import resource

import pytest
import torch
from messages import refused, says
from torch import nn
from trainings import equal, network, weights

from jpegai_bench.errors import BenchError
from jpegai_bench.training.checkpoint import State, differences

IDENTITY = {"variant": "tiny", "recipe": {"steps": 6, "reduction": [0.5, 1.0], "seed": 0}}


def state(seed=0):
    """After one step."""
    made = network(seed)
    parameters = list(made.parameters())
    optimizer = torch.optim.Adam(parameters, lr=1e-3)
    for parameter in parameters:
        parameter.grad = torch.randn_like(parameter)
    optimizer.step()
    return State(made, optimizer, [p.detach() + 1 for p in parameters], step=4, eased=0.5)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "checkpoint.pt"


def test_all_of_a_training_comes_back(path):
    one, two = state(0), state(1)
    for number in range(60):
        one.level.add(10.0 - number / 10, (0.4, True))
    one.save(path, IDENTITY)
    two.step, two.eased = 0, 1.0
    two.restore(path, IDENTITY)
    assert equal(weights(one.network), weights(two.network))
    assert all(torch.equal(a, b) for a, b in zip(one.average, two.average, strict=True))
    moments = [list(made.optimizer.state.values()) for made in (one, two)]
    for a, b in zip(*moments, strict=True):
        assert all(torch.equal(a[name], b[name]) for name in ("step", "exp_avg", "exp_avg_sq"))
    assert (two.step, two.eased) == (4, 0.5)
    assert two.level == one.level
    assert len(two.level.recent) == 50


def test_where_there_is_no_checkpoint_nothing_changes(path):
    made = state()
    before = weights(made.network)
    made.restore(path, IDENTITY)
    assert equal(before, weights(made.network))
    assert made.step == 4


def test_a_checkpoint_of_another_configuration_is_refused_by_what_differs(path):
    state().save(path, IDENTITY)
    other = state(1)
    before = weights(other.network)
    changed = {"variant": "tiny", "recipe": {**IDENTITY["recipe"], "reduction": [0.5, 0.9], "seed": 3}}
    with pytest.raises(BenchError) as caught:
        other.restore(path, changed)
    told = r"recipe.reduction was [0.5, 1.0], is [0.5, 0.9], recipe.seed was 0, is 3"
    assert says(str(caught.value), f"{path.parent}: ", f"({told})")
    assert equal(before, weights(other.network))


def test_a_setting_that_did_not_exist_differs_too():
    assert list(differences({"a": 1, "b": {"c": 2}}, {"a": 1, "b": {"d": 2}})) == [
        "b.c was 2, is None",
        "b.d was None, is 2",
    ]
    assert list(differences(IDENTITY, IDENTITY)) == []


@pytest.mark.parametrize(
    "content", [b"", b"not a checkpoint", "of another program", "a whole module", "half"]
)
def test_a_foreign_checkpoint_is_refused_by_name(path, content):
    if content == "of another program":
        torch.save({"state_dict": {}}, path)
    elif content == "a whole module":
        torch.save(nn.Linear(2, 2), path)
    elif content == "half":
        state().save(path, IDENTITY)
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    else:
        path.write_bytes(content)
    before = path.read_bytes()
    with refused("checkpoint.pt", "remove it") as caught:
        state().restore(path, IDENTITY)
    assert "\n" not in str(caught.value)
    assert path.read_bytes() == before


def test_a_checkpoint_with_other_groups_of_parameters_is_refused(path):
    other = state()
    first, *rest = other.optimizer.param_groups[0]["params"]
    other.optimizer = torch.optim.Adam([{"params": [first]}, {"params": rest}])
    other.save(path, IDENTITY)
    made = state(1)
    before = weights(made.network)
    with pytest.raises(BenchError, match=r"checkpoint\.pt: of a version .*; remove it"):
        made.restore(path, IDENTITY)
    assert equal(before, weights(made.network))


def test_a_full_disk_leaves_the_last_checkpoint(path):
    made = state()
    made.save(path, IDENTITY)
    before = path.read_bytes()
    made.step = 5
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(before) // 2, limits[1]))
    try:
        with refused("cannot be written", "File too large", "is intact"):
            made.save(path, IDENTITY)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert path.read_bytes() == before
    assert [found.name for found in path.parent.iterdir()] == [path.name]


def test_a_folder_that_is_gone_is_named(path):
    with refused("cannot be written", "none yet"):
        state().save(path.parent / "gone" / path.name, IDENTITY)
