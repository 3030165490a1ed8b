"""An HTTP server on this machine that holds files and can fail as servers and networks do."""

import socket
import struct
import threading
import time
from collections import defaultdict
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass(frozen=True)
class Fault:
    """What goes wrong with one request."""

    status: int | None = None
    """Answer with this error."""
    cut_after: int | None = None
    """Close the connection after so many bytes of the body."""
    reset: bool = False
    """After that, reset the connection: what is under way is lost."""
    hang: bool = False
    """Never answer."""
    retry_after: str | None = None


class Mirror(ThreadingHTTPServer):
    """Serves `files` at `url`; `faults` of a file are used up request by request."""

    daemon_threads = True
    block_on_close = False

    def __init__(self, files):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.files = dict(files)
        self.faults = defaultdict(list)
        self.ranges = True
        """Whether a part can be asked for."""
        self.says_length = True
        self.bytes_a_second = None
        self.requests = []
        """File and Range header of each request."""
        self.sent = defaultdict(int)
        """Bytes of bodies by file."""
        self.busy = set()
        """Threads that are answering."""
        self.closing = threading.Event()
        self.url = f"http://127.0.0.1:{self.server_port}/sets/of/pictures"

    def forget(self):
        """Once the last answer has ended, count requests and bytes anew."""
        while self.busy:
            time.sleep(0.01)
        self.requests.clear()
        self.sent.clear()

    def process_request_thread(self, request, client_address):
        self.busy.add(threading.current_thread())
        try:
            super().process_request_thread(request, client_address)
        finally:
            self.busy.discard(threading.current_thread())

    def handle_error(self, request, client_address):
        """Clients that are killed are what is tested."""


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        mirror, name = self.server, self.path.removeprefix("/sets/of/pictures/")
        asked = self.headers.get("Range")
        mirror.requests.append((name, asked))
        faults = mirror.faults[name]
        fault = faults.pop(0) if faults else Fault()
        if fault.hang:
            mirror.closing.wait(60)
            return
        status = fault.status or (None if name in mirror.files else 404)
        if status is not None:
            self.send_response(status)
            if fault.retry_after:
                self.send_header("Retry-After", fault.retry_after)
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        self._send(mirror, name, int(asked[6:-1]) if asked and mirror.ranges else None, fault.cut_after)
        if fault.reset:
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    def _send(self, mirror, name, start, cut_after):
        data = mirror.files[name]
        if start is not None and start >= len(data):
            self.send_response(416)
            self.send_header("Content-Range", f"bytes */{len(data)}")
            self.end_headers()
            return
        self.send_response(200 if start is None else 206)
        if start is not None:
            self.send_header("Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}")
        body = data[start or 0 :]
        if mirror.says_length:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        body = body[:cut_after]
        step = 2048 if mirror.bytes_a_second else len(body)
        for begin in range(0, len(body), max(step, 1)):
            piece = body[begin : begin + step]
            mirror.sent[name] += len(piece)  # before: who has the last byte may look at once
            self.wfile.write(piece)
            if mirror.bytes_a_second:
                time.sleep(len(piece) / mirror.bytes_a_second)

    def log_message(self, *words):
        pass


@contextmanager
def serving(files):
    """A running `Mirror`."""
    mirror = Mirror(files)
    thread = threading.Thread(target=mirror.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield mirror
    finally:
        mirror.closing.set()
        mirror.shutdown()
        mirror.server_close()
