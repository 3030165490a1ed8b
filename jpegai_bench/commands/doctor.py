"""Examine what is here of what the commands need."""

from collections.abc import Sequence
from dataclasses import asdict
from itertools import groupby
from typing import TYPE_CHECKING

from jpegai_bench.commands.command import Command
from jpegai_bench.config.command_settings import FormatSettings
from jpegai_bench.errors import one_of

if TYPE_CHECKING:
    from jpegai_bench.commands.doctor_checks import Finding

USAGE = Command(
    "doctor [results=PATH] [format=table|json]",
    "what is here of what the commands need; what to do where it is not",
    """Versions, cores and threads, GPU, what ffmpeg can do, data sets, weights, the results folder
and its free space, extras. The exit status is 1 where something is broken that every installation needs.

  jpegai-bench doctor
  jpegai-bench doctor results=results/demo
  jpegai-bench doctor format=json > doctor.json

  results=PATH         the folder whose disk is looked at
  format=json          for a program; a report of a defect needs the table""",
    settings=FormatSettings,
)

_WIDTH = 100


def command(settings: FormatSettings) -> int:
    """Print a line for each finding; 1 where something is broken that is needed."""
    one_of("format", settings.format, ("table", "json"))
    from jpegai_bench.commands.doctor_checks import examine

    findings = examine(settings)
    if settings.format == "json":
        import json

        print(json.dumps([asdict(finding) for finding in findings], indent=1))
    else:
        _print(findings)
    return int(any(finding.state == "broken" for finding in findings))


def _print(findings: Sequence["Finding"]) -> None:
    from textwrap import wrap

    column = max(len(finding.name) for finding in findings) + 12
    for section, members in groupby(findings, key=lambda finding: finding.section):
        print(f"{section}:")
        for finding in members:
            head = f"  {finding.state:<8} {finding.name}"
            for text in (finding.found, f"-> {finding.todo}" if finding.todo else ""):
                for line in wrap(text, _WIDTH - column, break_on_hyphens=False):
                    print(f"{head:<{column}}{line}")
                    head = ""
    states = [finding.state for finding in findings]
    print(f"{states.count('ok')} ok, {states.count('missing')} missing, {states.count('broken')} broken")
