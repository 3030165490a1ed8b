import pytest
import torch


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def photographs(tmp_path_factory):
    """A folder of eleven photographs, of which one can be held out."""
    from trainings import write_photographs

    return write_photographs(tmp_path_factory.mktemp("photographs"), count=11)
