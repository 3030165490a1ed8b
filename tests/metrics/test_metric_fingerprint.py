import re
from importlib.metadata import version

from jpegai_bench.metrics.fingerprint import fingerprint


def test_names_all_that_decides_a_score() -> None:
    found = fingerprint()
    assert set(found) == {"torch", "ffmpeg", "source"}
    assert found["torch"] == version("torch")
    assert found["ffmpeg"].startswith("ffmpeg version ")
    assert re.fullmatch("[0-9a-f]{64}", found["source"])
