"""Install the pinned torch, as a CPU build where the machine has no NVIDIA GPU and pip can get one.

On Linux the build on PyPI brings gigabytes of CUDA libraries, which a machine without such a GPU has no use for.
So pip is first asked, without installing, what it would take; if that needs CUDA, and there is no GPU, the build
comes from PyTorch's own index of CPU builds. TORCH_INDEX=URL names another index, TORCH_INDEX=pypi takes what pip
finds.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

CPU_INDEX = "https://download.pytorch.org/whl/cpu"


def needs_cuda(report: dict[str, Any]) -> bool:
    """Whether pip's installation report is for a build that depends on CUDA packages on Linux."""
    requires = report["install"][0]["metadata"].get("requires_dist", []) if report["install"] else []
    return any(re.match(r"(nvidia-|cuda-|triton)", requirement) for requirement in requires)


def index_arguments(report: dict[str, Any], platform: str, chosen: str, has_gpu: bool) -> list[str]:
    """The arguments that make pip take the right build."""
    if chosen:
        return [] if chosen == "pypi" else ["--index-url", chosen]
    if platform == "linux" and not has_gpu and needs_cuda(report):
        return ["--index-url", CPU_INDEX]
    return []


def main() -> None:
    """Ask pip, decide, install. Ends with pip's own error and exit code where it fails."""
    constraints = Path(__file__).parent.parent / "constraints.txt"
    pinned = re.search(r"^torch==\S+", constraints.read_text("utf-8"), re.MULTILINE)
    if pinned is None:
        sys.exit(f"{constraints} pins no torch.")
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "install", "--quiet", "--no-deps"]
    look = [*pip, "--dry-run", "--report", "-", pinned.group()]
    found = subprocess.run(look, stdout=subprocess.PIPE, check=False)
    if found.returncode:
        sys.exit(found.returncode)
    report = json.loads(found.stdout)
    if not report["install"]:
        return
    has_gpu = shutil.which("nvidia-smi") is not None
    extra = index_arguments(report, sys.platform, os.environ.get("TORCH_INDEX", ""), has_gpu)
    sys.exit(subprocess.run([*pip, *extra, pinned.group()], check=False).returncode)


if __name__ == "__main__":
    main()
