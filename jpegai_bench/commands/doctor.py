"""Examine what is here of what the commands need."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from itertools import groupby
from textwrap import wrap
from typing import TYPE_CHECKING

from jpegai_bench.config.schema import Settings
from jpegai_bench.errors import one_of

if TYPE_CHECKING:
    from jpegai_bench.commands.doctor_checks import Finding

_WIDTH = 100


def command(settings: Settings) -> int:
    """Print a line for each finding; 1 where something is broken that is needed."""
    one_of("format", settings.format, ("table", "json"))
    from jpegai_bench.commands.doctor_checks import examine

    findings = examine(settings)
    if settings.format == "json":
        print(json.dumps([asdict(finding) for finding in findings], indent=1))
    else:
        _print(findings)
    return int(any(finding.state == "broken" for finding in findings))


def _print(findings: Sequence["Finding"]) -> None:
    column = max(len(finding.name) for finding in findings) + 12
    for section, members in groupby(findings, key=lambda finding: finding.section):
        print(f"{section}:")
        for finding in members:
            head = f"  {finding.state:<8} {finding.name}"
            for text in (finding.found, f"-> {finding.todo}" if finding.todo else ""):
                for line in wrap(text, _WIDTH - column, break_on_hyphens=False) or (
                    [] if not text else [text]
                ):
                    print(f"{head:<{column}}{line}")
                    head = ""
    states = [finding.state for finding in findings]
    print(f"{states.count('ok')} ok, {states.count('missing')} missing, {states.count('broken')} broken")
