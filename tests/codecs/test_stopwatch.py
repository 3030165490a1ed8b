"""Seconds by part: what counts where, and that nothing is left behind or computed otherwise."""

import time
from types import SimpleNamespace

import pytest
import torch
from torch import nn

from jpegai_bench.codecs.stopwatch import Stopwatch


class Slow(nn.Module):
    def __init__(self, seconds, inner=None):
        super().__init__()
        self.seconds, self.inner = seconds, inner

    def forward(self, x):
        time.sleep(self.seconds)
        return 2 * (x if self.inner is None else self.inner(x))


def test_a_module_and_a_function_are_timed_and_give_what_they_gave():
    watch, module = Stopwatch(), Slow(0.02)
    owner = SimpleNamespace(half=lambda x: (time.sleep(0.03), x / 2)[1])
    with watch.module("module", module), watch.function("function", owner, "half"):
        assert owner.half(module(torch.ones(1))) == 1
        module(torch.ones(1))
    taken = watch.take()
    assert list(taken) == ["module", "function"]
    assert taken["module"] >= 0.04
    assert taken["function"] >= 0.03
    assert watch.take() == {}


def test_afterwards_nothing_is_timed_and_nothing_is_left():
    watch, module, owner = Stopwatch(), Slow(0), SimpleNamespace(half=lambda x: x / 2)
    function, method = owner.half, module.forward
    with (
        pytest.raises(ZeroDivisionError),
        watch.module("module", module),
        watch.function("function", owner, "half"),
        watch.function("method", module, "forward"),
    ):
        raise ZeroDivisionError
    owner.half(module(torch.ones(1)))
    assert watch.take() == {}
    assert owner.half is function
    assert "forward" not in vars(module)
    assert module.forward == method
    assert not module._forward_hooks
    assert not module._forward_pre_hooks


def test_of_a_part_inside_a_part_the_outer_one_is_timed():
    watch, inner = Stopwatch(), Slow(0.02)
    outer = Slow(0.0, inner)
    with watch.module("inner", inner), watch.module("outer", outer):
        outer(torch.ones(1))
        assert list(watch.take()) == ["outer"]
        inner(torch.ones(1))
        assert list(watch.take()) == ["inner"]


def test_a_call_that_raises_ends_its_part():
    watch = Stopwatch()
    owner = SimpleNamespace(fail=lambda: 1 / 0, work=lambda: time.sleep(0.01))
    with watch.function("fail", owner, "fail"), watch.function("work", owner, "work"):
        with pytest.raises(ZeroDivisionError):
            owner.fail()
        owner.work()
    assert watch.take()["work"] >= 0.01


def test_the_device_is_waited_for_before_and_after_each_part():
    waits = []
    watch, module = Stopwatch(lambda: waits.append(time.sleep(0.01))), Slow(0.0)
    with watch.module("module", module):
        module(torch.ones(1))
    assert len(waits) == 2
    assert watch.take()["module"] >= 0.01  # the wait after it counts: the work is done in it
