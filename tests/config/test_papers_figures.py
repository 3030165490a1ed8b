"""The paper's figures that ship are those that the configuration prints beside ours."""

import csv

import pytest
from omegaconf import OmegaConf

from jpegai_bench.config.folders import CONF, PUBLISHED


@pytest.mark.parametrize("variant", ["base", "combined"])
def test_the_papers_table_is_what_a_variant_states(variant):
    with (PUBLISHED / "vcip2023" / "paper.csv").open() as file:
        rows = [row for row in csv.DictReader(file) if row["variant"] == variant and row["where"] == "table"]
    assert [float(row["value"]) for row in rows] == [
        OmegaConf.load(CONF / "variant" / f"{variant}.yaml").paper_kmacs_px
    ]
