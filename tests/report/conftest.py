import pytest
from plausible_store import make_report, write_seven

from jpegai_bench.store.store import Store


@pytest.fixture(scope="session")
def seven(tmp_path_factory):
    """The folder and page of the seven variants at plausible points on 24 images; VVC is the anchor."""
    folder = tmp_path_factory.mktemp("seven")
    write_seven(Store(folder / "results"))
    return folder, make_report(folder)
