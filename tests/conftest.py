import fcntl
import json
import os
import signal

import pytest

os.environ.setdefault("OMP_NUM_THREADS", "1")
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # As in the background of a script. What is heard here, the commands that tests interrupt hear too.
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_configure(config):
    """Threads that wait for each other sleep: beside other work they would burn tens of times the CPU.

    Benchmarks are timed as users run.
    """
    if not any("benchmark" in word for word in (config.option.markexpr, *config.args)):
        os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # before torch is loaded


@pytest.hookimpl(trylast=True)  # when the browser's folder has marked its own
def pytest_collection_modifyitems(config, items):
    """What is marked slow, slurm, benchmark or browser runs only where -m or its name asks for it."""
    if config.option.markexpr or any("::" in word for word in config.args):
        return
    marks = ("slow", "slurm", "benchmark", "browser")
    on_demand = [item for item in items if any(map(item.get_closest_marker, marks))]
    if on_demand:
        config.hook.pytest_deselected(items=on_demand)
        items[:] = [item for item in items if item not in on_demand]


@pytest.fixture(scope="session")
def of_all_processes(tmp_path_factory):
    """A folder that the processes of a test session share."""
    base = tmp_path_factory.getbasetemp()
    return base.parent if "PYTEST_XDIST_WORKER" in os.environ else base


@pytest.fixture(scope="session", autouse=True)
def composing_and_counting(of_all_processes):
    """Hydra composes hundreds of configurations of the same few files; a variant is counted in many tests."""
    from command import COUNTED
    from compositions import composed_quickly

    COUNTED.append(of_all_processes / "counted")
    COUNTED[0].mkdir(exist_ok=True)
    with composed_quickly():
        yield


@pytest.fixture
def one_thread():
    """Torch in one thread, as weights to the bit and fair timings need it."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def tiny_weights(tmp_path_factory):
    """Weights of base and combined on one encoder, at `command.TINY`, random but not trivial."""
    from command import save_tiny_weights

    return save_tiny_weights(tmp_path_factory.mktemp("weights"))


@pytest.fixture(scope="session")
def study(of_all_processes, tiny_weights):
    """A folder in which base and combined were run on two photographs by one command.

    It takes ten seconds: the first process of a test session that asks makes it for all.
    """
    from command import RUN, Done, bench, photographs

    folder = of_all_processes / "study"
    ended = folder.with_suffix(".json")
    with folder.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not ended.exists():
            photographs(folder / "photos")
            sweep = ("-m", "+variant=base,nonsense,combined")
            own = (*RUN, f"weights={tiny_weights}", "workers=1")
            done = bench("run", *sweep, *own, cwd=folder)
            ended.write_text(json.dumps(vars(done)))
    return folder, Done(**json.loads(ended.read_text()))
