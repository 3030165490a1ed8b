"""One address into one file over HTTP: resumed where it stopped, tried again where the connection breaks."""

import errno
import http.client
import threading
import urllib.error
import urllib.request
from dataclasses import dataclass
from io import FileIO
from pathlib import Path
from urllib.parse import urlsplit

from jpegai_bench.errors import BenchError
from jpegai_bench.version import __version__

_CHUNK = 1 << 16
_TRY_AGAIN = frozenset({408, 429, 500, 502, 503, 504})
_LONGEST_WAIT_S = 60.0


@dataclass(frozen=True)
class Patience:
    """How long a server is waited for."""

    timeout_s: float = 20.0
    """Seconds without a byte after which a connection counts as cut."""
    waits_s: tuple[float, ...] = (1.0, 2.0, 4.0, 8.0)
    """Seconds before each further try; after as many tries without a new byte it is given up."""


class Unavailable(BenchError):
    """The server cannot be reached or refuses the file: trying again is of no use."""


class Stopped(Exception):
    """Another thread has set `Transfers.stop`."""


class _Cut(Exception):
    """The connection broke or the server is busy; what came is kept."""

    def __init__(self, why: object, wait_s: float = 0.0):
        super().__init__(str(why) or type(why).__name__)
        self.wait_s = wait_s


class Transfers:
    """Downloads that belong together: threads share the count of bytes and are stopped at once."""

    def __init__(self, patience: Patience):
        self.stop = threading.Event()
        self.received = 0
        self._patience = patience
        self._counting = threading.Lock()

    def receive(self, url: str, part: Path) -> bool:
        """Bring what `url` holds into `part`, which may hold its beginning.

        Returns:
            Whether the server sent a rest only: if the file is wrong, its beginning may be why.

        Raises:
            Unavailable: there is no network or no such file.
            BenchError: the connection broke again and again, or `part` cannot be written; what came is kept.
            Stopped: `stop` was set.
        """
        waits, failed, most = self._patience.waits_s, 0, _size(part)
        while True:
            try:
                return self._attempt(url, part)
            except _Cut as cut:
                size = _size(part)
                failed = 0 if size > most else failed + 1
                if failed > len(waits):
                    remedy = "what has come is kept, the same command goes on from there"
                    raise BenchError(f"{url}: {cut}, {failed} times; {remedy}") from None
                most = max(most, size)
                wait_s = waits[max(failed - 1, 0)] if waits else 0.0
                if self.stop.wait(max(wait_s, cut.wait_s)):
                    raise Stopped from None

    def _attempt(self, url: str, part: Path) -> bool:
        start = _size(part)
        headers = {"User-Agent": f"jpegai-bench/{__version__}"}
        if start:
            headers["Range"] = f"bytes={start}-"
        try:
            request = urllib.request.Request(url, headers=headers)
            response = urllib.request.urlopen(request, timeout=self._patience.timeout_s)
        except urllib.error.HTTPError as error:
            with error:
                return self._refused(url, error, start)
        except urllib.error.URLError as error:
            reason = error.reason
            if self.received or isinstance(reason, ConnectionResetError | BrokenPipeError):
                raise _Cut(reason) from None
            why = getattr(reason, "strerror", None) or reason
            raise Unavailable(f"{urlsplit(url).hostname} cannot be reached ({why})") from None
        except (http.client.InvalidURL, ValueError) as error:
            raise BenchError(f"{url}: no address of the web ({error})") from None
        except (OSError, http.client.HTTPException) as error:
            raise _Cut(error) from None
        with response:
            resumes = response.status == 206
            if resumes and not response.headers.get("Content-Range", "").startswith(f"bytes {start}-"):
                part.unlink()
                raise _Cut("other bytes than asked for")
            self._store(response, part, "a" if resumes else "w")
        return resumes

    def _refused(self, url: str, error: urllib.error.HTTPError, start: int) -> bool:
        if error.code == 416 and start:  # nothing lies beyond what is there
            return True
        answer = f"{error.code} {error.reason}"
        if error.code not in _TRY_AGAIN:
            raise Unavailable(f"{url}: {answer}")
        retry_after = str(error.headers.get("Retry-After", ""))
        raise _Cut(answer, min(float(retry_after), _LONGEST_WAIT_S) if retry_after.isdecimal() else 0.0)

    def _store(self, response: http.client.HTTPResponse, part: Path, mode: str) -> None:
        missing = response.length  # None where the server does not say
        try:
            # Unbuffered: what came is on disk, whenever the process is killed.
            with FileIO(part, mode) as out:
                while chunk := self._chunk(response, _CHUNK if missing is None else min(_CHUNK, missing)):
                    unwritten = memoryview(chunk)
                    while unwritten:
                        unwritten = unwritten[out.write(unwritten) :]
                    if missing is not None:
                        missing -= len(chunk)
        except OSError as error:
            raise cannot_write(part.parent, error) from None
        if missing:
            raise _Cut(f"connection cut, {missing} bytes missing")

    def _chunk(self, response: http.client.HTTPResponse, most: int) -> bytes:
        try:
            # A server may keep the connection open after the last byte: it is not asked for more.
            chunk = response.read1(most) if most else b""
        except (OSError, http.client.HTTPException) as error:
            raise _Cut(error) from None
        if self.stop.is_set():
            raise Stopped
        with self._counting:
            self.received += len(chunk)
        return chunk


def cannot_write(folder: Path, error: OSError) -> BenchError:
    """What to say where files cannot be written into `folder`."""
    remedy = "choose another folder with dest=PATH"
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        remedy = "make room and run the same command again, it goes on from there"
    return BenchError(f"{folder}: cannot be written ({error.strerror or error}); {remedy}")


def _size(part: Path) -> int:
    return part.stat().st_size if part.exists() else 0
