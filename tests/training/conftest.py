import pytest


@pytest.fixture(autouse=True)
def alone(one_thread):
    """Every test of trainings."""


@pytest.fixture(autouse=True, scope="module")
def begun_alone():
    """And every training that tests of a file share."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def photographs(tmp_path_factory):
    """A folder of eleven photographs, of which one can be held out."""
    from trainings import write_photographs

    return write_photographs(tmp_path_factory.mktemp("photographs"), count=11)


@pytest.fixture(scope="session")
def few(tmp_path_factory):
    """A folder of two photographs: a finished training codes each of them three times."""
    from trainings import write_photographs

    return write_photographs(tmp_path_factory.mktemp("few"), count=2)
