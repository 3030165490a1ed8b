"""A real Slurm of one node on this machine, for as long as a command runs; as root, in a temporary folder.

    python tests/support/one_node_slurm.py COMMAND …     runs it with SLURM_CONF set
    python tests/support/one_node_slurm.py               until Ctrl-C, for commands of another terminal

It needs Debian's slurm-wlm and munge. Ports and folders are its own, so that it stands beside any other.
"""

import os
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "srun", "scancel", "squeue", "scontrol")
_PATIENCE = 60.0
_SLURM_CONF = """
ClusterName=one
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={ports[0]}
SlurmdPort={ports[1]}
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge/socket
CredType=cred/munge
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
MpiDefault=none
ReturnToService=2
KillWait=5
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
NodeName=one NodeAddr=127.0.0.1 NodeHostname={host} CPUs={cores} RealMemory={memory}
PartitionName=all Nodes=one Default=YES MaxTime=INFINITE State=UP
"""


def lacks() -> str:
    """What keeps it from being started here; nothing where it can be."""
    if os.geteuid() != 0:
        return "a Slurm of one node is started by root"
    missing = [name for name in PROGRAMS if shutil.which(name) is None]
    return f"no {', '.join(missing)}: apt-get install slurm-wlm munge" if missing else ""


@contextmanager
def one_node_slurm(cores: int | None = None) -> Iterator[dict[str, str]]:
    """Yield the environment that its commands need: this process's own with `SLURM_CONF`.

    Args:
        cores: of the node; those of this machine unless given.

    Raises:
        RuntimeError: it does not come up; with the end of its logs.
    """
    with tempfile.TemporaryDirectory(prefix="one-node-slurm-") as name, ExitStack() as running:
        folder = Path(name)
        folder.chmod(0o755)
        for part in ("state", "spool"):
            (folder / part).mkdir()
        conf = folder / "slurm.conf"
        memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2**20
        told = _SLURM_CONF.format(
            folder=folder,
            host=socket.gethostname(),
            ports=_free_ports(2),
            cores=cores or os.cpu_count(),
            memory=memory,
        )
        conf.write_text(told)
        environment = {**os.environ, "SLURM_CONF": str(conf)}
        _munge(folder, running)
        running.enter_context(_daemon(["slurmctld", "-D", "-f", str(conf)], environment))
        running.enter_context(_daemon(["slurmd", "-D", "-N", "one", "-f", str(conf)], environment))
        _wait_until(lambda: _says("sinfo --noheader --format=%T", environment) == "idle", folder)
        try:
            yield environment
        finally:
            _empty(environment)


def _munge(folder: Path, running: ExitStack) -> None:
    """Slurm's daemons and commands know each other by it."""
    home = folder / "munge"
    home.mkdir()
    key = home / "key"
    key.write_bytes(secrets.token_bytes(128))
    key.chmod(0o400)
    for path in (key, home):
        shutil.chown(path, "munge", "munge")
    names = {"socket": "socket", "key-file": "key", "pid-file": "pid", "seed-file": "seed", "log-file": "log"}
    options = [f"--{option}={home / name}" for option, name in names.items()]
    running.enter_context(_daemon(["munged", "--foreground", *options], dict(os.environ), user="munge"))
    _wait_until((home / "socket").exists, folder)


@contextmanager
def _daemon(command: list[str], environment: dict[str, str], user: str | None = None) -> Iterator[None]:
    quiet = subprocess.DEVNULL
    process = subprocess.Popen(
        command, env=environment, user=user, group=user, stdin=quiet, stdout=quiet, stderr=quiet,
        start_new_session=True,  # Ctrl-C is for the command that is run under it
    )  # fmt: skip
    try:
        yield
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _empty(environment: dict[str, str]) -> None:
    """Cancel what is left in the queue, and wait until its processes are gone."""
    _says("scancel --quiet --state=PENDING --user=root", environment)
    _says("scancel --quiet --user=root", environment)
    end = time.monotonic() + 30
    while _says("squeue --noheader --format=%i", environment) and time.monotonic() < end:
        time.sleep(0.5)


def _says(command: str, environment: dict[str, str]) -> str:
    done = subprocess.run(command.split(), env=environment, capture_output=True, text=True, timeout=60)
    return done.stdout.strip()


def _wait_until(true, folder: Path) -> None:
    end = time.monotonic() + _PATIENCE
    while not true():
        if time.monotonic() > end:
            logs = [*folder.glob("*.log"), *folder.glob("munge/log")]
            ends = [f"{path.name}: {' | '.join(path.read_text().splitlines()[-5:])}" for path in logs]
            raise RuntimeError(f"the one-node Slurm does not come up; {'; '.join(ends)}")
        time.sleep(0.2)


def _free_ports(count: int) -> list[int]:
    with ExitStack() as open_ones:
        probes = [open_ones.enter_context(socket.socket()) for _ in range(count)]
        for probe in probes:
            probe.bind(("", 0))
        return [probe.getsockname()[1] for probe in probes]


def main(command: list[str]) -> int:
    """Run a command under it, or wait for Ctrl-C."""
    if lack := lacks():
        print(lack, file=sys.stderr)
        return 1
    with one_node_slurm() as environment:
        if command:
            try:
                return subprocess.run(command, env=environment).returncode
            except KeyboardInterrupt:
                return 130
        print(f"export SLURM_CONF={environment['SLURM_CONF']}\nCtrl-C stops it", flush=True)
        try:
            threading.Event().wait()
        except KeyboardInterrupt:
            return 0
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
