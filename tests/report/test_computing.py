from jpegai_bench.report.gather.remarks import computed_otherwise
from jpegai_bench.store.store import Run


def test_what_was_coded_with_optimised_quantisation_is_said(tmp_path):
    """Its streams are others, from the same encoder: a difference is not the decoder's alone."""
    made_by = {"base": {"rdo": "yes"}, "combined": {}}
    [told] = computed_otherwise({name: Run(tmp_path, {"codec": codec}) for name, codec in made_by.items()})
    assert "rdo=true" in told
    assert told.endswith(": base")
