"""Each step by itself: the words of a command line before and after it."""

import pytest
from messages import says

from jpegai_bench.cli import word_steps as step
from jpegai_bench.commands.catalogue import COMMANDS
from jpegai_bench.errors import BenchError

CHANGED = [
    (step.choose_variants, "run", "workers=2", "+variant=base workers=2"),
    (step.choose_variants, "run", "+variant=combined", "+variant=combined"),
    (step.choose_variants, "sweep", "-m", "+variant=glob(*) -m"),
    (
        step.choose_variants,
        "sweep",
        "experiment=vcip2023",
        "+variant=base,attention_cs,attention_ds,upsampling,activation,combined,combined_ds "
        "experiment=vcip2023",
    ),
    (step.quote_for_hydra, "run", "a=ö/b b=[~/x,y] --config-dir ö", "a='ö/b' b=['~/x',y] --config-dir ö"),
    (step.no_experiment, "sweep", "experiment=null workers=2", "workers=2"),
    (step.choose_variants, "run", "experiment=vcip2023", "+variant=base experiment=vcip2023"),
    (step.choose_variants, "complexity", "", ""),
    (step.choose_variants, "tables", "", ""),
    (step.refuse_variants, "run", "+variant=base", "+variant=base"),
    (step.several_jobs, "sweep", "workers=2", "workers=2 -m"),
    (step.several_jobs, "sweep", "--multirun", "--multirun"),
    (step.several_jobs, "run", "workers=2", "workers=2"),
    (step.codecs_as_anchors, "anchor", "codec=jpeg workers=2", "anchor=jpeg workers=2"),
    (step.codecs_as_anchors, "latency", "codec=[jpeg,webp]", "anchor=[jpeg,webp]"),
    (step.codecs_as_anchors, "anchor", "anchor=jpeg", "anchor=jpeg"),
    (step.codecs_as_anchors, "run", "codec=jpeg", "codec=jpeg"),
    (step.anchors_as_labels, "tables", "anchor=vvc workers=2", "anchors=[vvc] workers=2"),
    (step.anchors_as_labels, "compare", "anchor=[vvc,mine]", "anchors=[vvc,mine]"),
    (step.anchors_as_labels, "tables", "anchor.vvc.preset=slow", "anchor.vvc.preset=slow"),
    (step.anchors_as_labels, "run", "anchor=vvc", "anchor=vvc"),
    (step.refuse_unused, "run", "rates=target", "rates=target"),
    (step.refuse_names_that_ship, "run", "--config-dir nowhere", "--config-dir nowhere"),
    (step.show_one_job, "run", "a=1,2 -m", "a=1,2 -m"),
    (step.show_one_job, "run", "+a=1,2 b=[1,2] -m --cfg job", "+a=1 b=[1,2] --cfg job"),
    (step.show_one_job, "sweep", "+variant=glob(*) -m --info all", "+variant=activation --info all"),
    (step.show_one_job, "run", "a=range(3,5) ~b -c job", "a=3 ~b -c job"),
]


@pytest.mark.parametrize(("step", "name", "before", "after"), CHANGED)
def test_a_step_makes_words_of_words(step, name, before, after):
    words = before.split()
    assert step(COMMANDS[name], words) == after.split()
    assert words == before.split()


REFUSED = [
    (step.choose_variants, "sweep", "experiment=nonsense", "experiment"),
    (step.refuse_variants, "tables", "+variant=base", "variant"),
    (step.refuse_variants, "anchor", "+variant.name=a", "variant"),
    (step.refuse_unused, "compare", "plot=a.png", "plot"),
    (step.refuse_unused, "tables", "++rates=target", "rates"),
]


@pytest.mark.parametrize(("step", "name", "before", "named"), REFUSED)
def test_a_step_refuses_what_a_command_does_not_take(step, name, before, named):
    with pytest.raises(BenchError, match=named) as refused:
        step(COMMANDS[name], before.split())
    assert refused.value.status == 2


def test_a_file_with_the_name_of_one_that_ships_is_refused(tmp_path):
    (tmp_path / "variant").mkdir()
    (tmp_path / "variant/base.yaml").touch()
    with pytest.raises(BenchError, match="another name"):
        step.refuse_names_that_ship(COMMANDS["run"], ["--config-dir", str(tmp_path)])


def test_all_codecs_are_those_that_need_nothing():
    [chosen, kept] = step.codecs_as_anchors(COMMANDS["anchor"], ["codec=all"])
    names = chosen.removeprefix("anchor=[").removesuffix("]").split(",")
    assert {"jpeg", "vvc"} <= set(names)
    assert not set(step.NOT_IN_ALL) & set(names)
    assert kept == "codec=all"


def test_all_steps_after_one_another():
    words = ["dataset=kodak", "--cfg", "job"]
    assert step.prepared(COMMANDS["sweep"], words) == ["+variant=activation", *words]
    with pytest.raises(BenchError, match="cannot be read"):
        step.prepared(COMMANDS["run"], ["a=[1", "--cfg", "job"])


def test_variants_that_are_not_there_leave_a_sweep():
    words, messages = step.known_variants(["+variant=base,bse,combined", "workers=2"])
    assert words == ["+variant=base,combined", "workers=2"]
    assert [says(message, "'bse'", "base?") for message in messages] == [True]
    assert step.known_variants(["+variant=nonsense"]) == (["+variant=nonsense"], [])
    with pytest.raises(BenchError, match="bse"):
        step.known_variants(["+variant=bse,nonsense"])


UNREADABLE = {
    "list": b"- a\n",
    "tab": b"name: tab\nactivation:\n\t_target_: a.B\n",
    "bytes": b"\xac\x00",
    "loop": b"name: loop\nactivation: &a\n  x: *a\n",
    "directory": None,
}


@pytest.mark.parametrize("name", UNREADABLE)
def test_a_chosen_file_that_is_no_yaml_of_settings_is_told_with_its_path(tmp_path, name):
    path = tmp_path / f"variant/{name}.yaml"
    path.parent.mkdir()
    path.mkdir() if UNREADABLE[name] is None else path.write_bytes(UNREADABLE[name])
    with pytest.raises(BenchError) as error:
        step.prepared(COMMANDS["complexity"], [f"+variant={name}", "--config-dir", str(tmp_path)])
    assert str(error.value).startswith(str(path))
    assert error.value.status == 2


def test_a_file_that_nobody_chose_may_be_unreadable(tmp_path):
    (tmp_path / "variant").mkdir()
    (tmp_path / "variant/list.yaml").write_bytes(UNREADABLE["list"])
    words = ["+variant=base", "--config-dir", str(tmp_path)]
    assert step.prepared(COMMANDS["complexity"], words) == words
