import pytest
from command import settings

from jpegai_bench.config.experiment import experiment_of
from jpegai_bench.errors import BenchError
from jpegai_bench.report.gather.published_figures import published_figures, read_figures

HEADER = "study,variant,quantity,against,value,unit,where\n"
STUDIES = {"attention": {"base", "attention_cs"}}


@pytest.fixture(scope="module")
def paper():
    return published_figures(experiment_of(settings("experiment=vcip2023")))


def test_the_papers_totals_are_quoted_as_it_gives_them(paper):
    base, combined = paper.of_variant("base"), paper.of_variant("combined")
    assert [figure.with_place for figure in base.kmacs] == ["833 (table)", "852 (conclusion)"]
    assert [figure.with_place for figure in combined.kmacs] == [
        "172.1 (table)",
        "180 (conclusion)",
    ]
    assert [figure.value for figure in base.bd_rates] == [-27.3]
    assert [figure.value for figure in combined.bd_rates] == [-27.5]
    assert [figure.value for figure in combined.bd_rates_to_reference] == [-0.2]
    assert paper.anchors == ("VVC",)


def test_what_the_paper_gives_of_a_study_is_of_no_variant(paper):
    whole = paper.of_study("attention")
    assert [figure.with_place for figure in whole.reductions] == ["up to 75 (text)"]
    assert [figure.value for figure in whole.bd_rates_to_reference] == [0.8]
    assert paper.of_variant("attention_cs").figures == paper.of_variant("attention_ds").figures == ()
    assert paper.of_study("combination").figures == ()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "no column 'study'"),
        (HEADER.replace(",where", ""), "no column 'where'"),
        (HEADER.replace("where", "where,note"), "unknown column 'note'"),
        (HEADER + "attention,base,complexity,,833,kMACs/pixel\n", "line 2: 6 cells"),
        (HEADER + "colour,base,complexity,,833,kMACs/pixel,table\n", "line 2: study: 'colour'"),
        (HEADER + "\nattention,combined,complexity,,1,kMACs/pixel,table\n", "line 3: variant: 'combined'"),
        (HEADER + "attention,base,speed,,833,kMACs/pixel,table\n", "quantity: 'speed'"),
        (HEADER + "attention,base,complexity,,833,GMACs,table\n", "unit: 'GMACs'"),
        (HEADER + "attention,base,complexity,,many,kMACs/pixel,table\n", "value: 'many'"),
        (HEADER + "attention,base,complexity,,nan,kMACs/pixel,table\n", "value: 'nan'"),
        (HEADER + "attention,base,BD-rate,,-1,percent,table\n", "against: a BD-rate needs"),
    ],
)
def test_a_wrong_file_is_one_line_with_its_place(text, said, tmp_path):
    path = tmp_path / "paper.csv"
    path.write_text(text)
    with pytest.raises(BenchError) as caught:
        read_figures(path, STUDIES)
    assert said in str(caught.value)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_file_that_is_no_text_is_one_line(tmp_path):
    path = tmp_path / "paper.csv"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(BenchError, match=r"paper\.csv: cannot be read"):
        read_figures(path, STUDIES)
