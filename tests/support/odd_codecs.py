"""Codecs for tests of timing, which processes of their own import: nothing heavy stands here."""

import json
import os
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from jpegai_bench.codecs.protocol import Encoded


@dataclass
class Sleeping:
    """Takes its time; like the learned codec it keeps what it found out about the array it saw last."""

    name: str = "sleeping"
    seconds: float = 0.05
    seen: list = field(default_factory=list)

    def encode(self, image, quality):
        if not (self.seen and self.seen[0] is image):
            time.sleep(self.seconds)
            self.seen[:] = [image]
        return Encoded(b"%d %d" % image.shape[:2] + bytes(int(quality)))

    def decode(self, data):
        time.sleep(self.seconds)
        height, width = map(int, data.rstrip(b"\0").split())
        return np.zeros((height, width, 3), np.uint8)

    def fingerprint(self):
        return {"codec": self.name, "settings": str(self.seconds)}


@dataclass
class Telling(Sleeping):
    """Tells in a file where and with how many threads it runs."""

    name: str = "telling"
    file: str = ""

    def encode(self, image, quality):
        import torch

        cores = sorted(os.sched_getaffinity(0))
        Path(self.file).write_text(json.dumps([os.getpid(), cores, torch.get_num_threads()]))
        return super().encode(image, quality)


@dataclass
class Broken(Sleeping):
    """Does what a codec should not."""

    name: str = "broken"
    how: str = ""
    file: str = ""
    timeout: float = 10.0

    def encode(self, image, quality):
        if self.how == "dies":
            os._exit(3)
        if self.how == "raises":
            raise ZeroDivisionError("division by zero")
        program = subprocess.Popen(["sleep", "600"])
        Path(self.file).write_text(f"{os.getpid()} {program.pid}")
        program.wait()
