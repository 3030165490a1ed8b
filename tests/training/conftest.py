import pytest


@pytest.fixture(autouse=True)
def alone(one_thread):
    """Every test of trainings."""


@pytest.fixture(scope="session")
def photographs(tmp_path_factory):
    """A folder of eleven photographs, of which one can be held out."""
    from trainings import write_photographs

    return write_photographs(tmp_path_factory.mktemp("photographs"), count=11)
