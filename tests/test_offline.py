"""Nothing of the default path reaches for the network: it works where every attempt is an error."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.conftest import Place

CUT_OFF = Path(__file__).parent / "cut_off.py"


def without_network() -> list[str]:
    """What starts a process that has no network at all, where the system allows it; the audit hook is always there."""
    command = ["unshare", "--map-root-user", "--net"]
    allowed = shutil.which(command[0]) and subprocess.run([*command, "true"], capture_output=True, check=False)
    return command if allowed and allowed.returncode == 0 else []


def test_add_and_ask_work_without_a_network(place: Place) -> None:
    file = place.outside("zebra.txt", "The zebra crossing in Oslo was painted by Kari Nordmann in 1987.")
    question = "Who painted the zebra crossing in Oslo?"
    program = [*without_network(), sys.executable, CUT_OFF]
    added = subprocess.run([*program, "add", file], capture_output=True, text=True, check=False)
    assert (added.returncode, added.stderr) == (0, "new        zebra.txt\n1 added.\n")
    asked = subprocess.run([*program, "ask", question], capture_output=True, text=True, check=False)
    assert (asked.returncode, asked.stderr) == (0, "")
    assert "painted by Kari Nordmann in 1987. [1]" in asked.stdout
