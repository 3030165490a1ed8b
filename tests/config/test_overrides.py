import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser

from jpegai_bench.config.overrides import quoted, with_names
from jpegai_bench.errors import UsageError


@pytest.mark.parametrize(
    ("override", "value"),
    [
        ("results=Jörg/r", "Jörg/r"),
        ("results=Jörg und ich", "Jörg und ich"),
        ("results=~/a^b", "~/a^b"),
        ("results=日本:1", "日本:1"),
        ("results=${oc.env:HOME}/Jörg", "${oc.env:HOME}/Jörg"),
        ("results=Jörg\\,b", "Jörg,b"),
        ("results=ö\\\\", "ö\\"),
        ("dataset.path=\udce9", "\udce9"),
        ("training.data=[Jörg,a b,'c=d',\"é,è\"]", ["Jörg", "a b", "c=d", "é,è"]),
        ("+anchor={name: Jörg, quality: 3}", {"name": "Jörg", "quality": 3}),
        ("qualities=[0,1.5,3]", [0, 1.5, 3]),
        ("results=a$b", "a$b"),
        ("limit=null", None),
    ],
)
def test_what_hydra_reads_in_quotes_alone_is_quoted(override, value):
    assert OverridesParser.create().parse_override(quoted(override)).value() == value


@pytest.mark.parametrize(
    "override", ["results=a/b", "a=[0,1.5]", "a='ö'", "+a=base,b", "~a", "a=range(0,3)", "a="]
)
def test_what_hydra_reads_as_it_is_stays(override):
    assert quoted(override) == override


def test_sweeps_stay_sweeps():
    parse = OverridesParser.create().parse_override
    assert list(parse(quoted("results=Jörg,b")).sweep_string_iterator()) == ["'Jörg'", "b"]


@pytest.mark.parametrize("override", ["anchor=[jpeg,[vvc]]", "anchor=[jpeg,{a:b}]", "model= [[small]]"])
def test_what_is_chosen_in_a_group_is_names(override):
    with pytest.raises(UsageError) as error:
        with_names(override)
    assert override in str(error.value)
