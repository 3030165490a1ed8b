"""Bring a published test set into a folder: what is missing, checked, each file whole or not at all."""

import hashlib
import queue
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from jpegai_bench.errors import BenchError, UsageError
from jpegai_bench.images.datasets import pixel_hash
from jpegai_bench.images.read import read_rgb
from jpegai_bench.images.test_sets import PublishedSet
from jpegai_bench.images.transfer import Patience, Stopped, Transfers, Unavailable, cannot_write
from jpegai_bench.system.progress import progress

_AT_ONCE = 4
Say = Callable[[str], None]


def fetch(
    test_set: PublishedSet,
    folder: Path,
    url: str | None = None,
    say: Say = print,
    patience: Patience | None = None,
) -> None:
    """Fetch the files of a set that are missing in `folder` or not as published.

    A file comes as a hidden one beside its place, is checked and then renamed: a killed download goes on
    where it stopped, and no unchecked file is ever in place. Of two downloads into one folder one waits.

    Args:
        test_set: the set.
        folder: where to; made where it is missing.
        url: another base address than that of the set.
        say: takes notes for the person who waits.
        patience: how long a server is waited for.

    Raises:
        BenchError: the server cannot be reached, a file is not there, is wrong, or cannot be written.
    """
    base = (url or test_set.url).rstrip("/")
    if not base.startswith(("http://", "https://")):
        raise UsageError(f"url={base}: give an address that begins with https:// or http://")
    try:
        files = _files_to_fetch(test_set, folder, say)
        if not files:
            return
        with _folder_made(folder), _alone_in(folder, say) as waited:
            if waited:
                files = _files_to_fetch(test_set, folder, say)
            _Fetch(test_set, folder, base, patience or Patience()).run(files)
    except OSError as error:
        raise cannot_write(folder, error) from None
    except Unavailable as error:
        raise BenchError(
            f"data get {test_set.name}: {error}; {test_set.by_hand} into {folder} by hand,"
            " or name another mirror with url=BASE"
        ) from None


def _files_to_fetch(test_set: PublishedSet, folder: Path, say: Say) -> list[str]:
    files = []
    for file, published in test_set.checksums.items():
        if not (folder / file).exists():
            files.append(file)
        elif _checksum(test_set, folder / file) != published:
            say(f"{folder / file}: not as published, is fetched again")
            files.append(file)
    present = len(test_set.checksums) - len(files)
    if present:
        say(f"{present} of {len(test_set.checksums)} files are there already")
    return files


def _checksum(test_set: PublishedSet, path: Path) -> str:
    """What to compare with the published SHA-256; empty where that is of pixels and there is no picture."""
    if test_set.by_pixels:
        with suppress(BenchError):
            return pixel_hash(read_rgb(path))
        return ""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


class _Fetch:
    """The download of some files of a set by several threads."""

    def __init__(self, test_set: PublishedSet, folder: Path, base: str, patience: Patience):
        self._test_set, self._folder, self._base = test_set, folder, base
        self._transfers = Transfers(patience)
        self._pending: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._results: queue.SimpleQueue[Exception | None] = queue.SimpleQueue()

    def run(self, files: list[str]) -> None:
        for file in files:
            self._pending.put(file)
        # Daemons: an interrupted command ends at once, even if a server keeps a thread waiting.
        threads = [threading.Thread(target=self._work, daemon=True) for _ in range(min(_AT_ONCE, len(files)))]
        for thread in threads:
            thread.start()
        try:
            with progress(f"data get {self._test_set.name}", len(files), "files") as advance:
                self._watch(len(files), advance)
        except Exception:
            self._transfers.stop.set()
            for thread in threads:
                thread.join()
            raise
        finally:
            self._transfers.stop.set()

    def _watch(self, files: int, advance: Callable[..., None]) -> None:
        finished = 0
        while finished < files:
            with suppress(queue.Empty):
                failure = self._results.get(timeout=0.2)
                if failure is not None:
                    raise failure
                finished += 1
            advance(f"{self._transfers.received / 1e6:.1f} MB", completed=finished)

    def _work(self) -> None:
        try:
            while not self._transfers.stop.is_set():
                self._bring(self._pending.get_nowait())
                self._results.put(None)
        except (queue.Empty, Stopped):
            pass
        except Exception as error:  # raised where the person is told
            self._results.put(error)

    def _bring(self, file: str) -> None:
        url, part = f"{self._base}/{file}", self._folder / f".{file}.part"
        resumed = self._transfers.receive(url, part)
        checksum = _checksum(self._test_set, part)
        if resumed and checksum != self._test_set.checksums[file]:
            # The beginning may be from a file that has changed since, or from another mirror.
            part.unlink()
            self._transfers.receive(url, part)
            checksum = _checksum(self._test_set, part)
        if checksum == self._test_set.checksums[file]:
            part.replace(self._folder / file)
            return
        part.unlink()
        must = f"must have SHA-256 {self._test_set.checksums[file]}"
        kind = "pixels" if self._test_set.by_pixels else "bytes"
        difference = (
            f"its {kind} have SHA-256 {checksum}, {must}"
            if checksum
            else f"it is no picture, its {kind} {must}"
        )
        raise BenchError(f"{url}: not {file} as published: {difference}; nothing of it is kept")


@contextmanager
def _folder_made(folder: Path) -> Iterator[None]:
    """Make the folder and those above it; where nothing comes into them they are taken away again."""
    missing = [path for path in (folder, *folder.parents) if not path.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    try:
        yield
    except BaseException:
        with suppress(OSError):  # from the first that holds something, or is gone
            for path in missing:
                path.rmdir()
        raise


@contextmanager
def _alone_in(folder: Path, say: Say) -> Iterator[bool]:
    """Hold the folder's lock, which the system takes back from a process that is killed.

    Yields:
        Whether another download has ended meanwhile.
    """
    path, waited = folder / ".download.lock", False
    lock = FileLock(path)
    try:
        lock.acquire(blocking=False)
    except Timeout:
        say(f"{folder}: another download goes on there, waiting for its end")
        waited = True
        lock.acquire()
    try:
        yield waited
    finally:
        path.unlink(missing_ok=True)  # one that waits takes a new file then
        lock.release()
