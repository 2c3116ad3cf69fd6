"""The installer takes a CPU build of torch exactly where pip would bring CUDA and there is no GPU for it."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

CUDA = ["filelock", "nvidia-cudnn-cu13==9.1; platform_system == 'Linux'", "triton==3.7; platform_system == 'Linux'"]
PLAIN = ["filelock", "typing-extensions>=4.10", "sympy>=1.13.3"]


@pytest.fixture(scope="module")
def installer() -> ModuleType:
    path = Path(__file__).parents[1] / "scripts" / "install_torch.py"
    spec = importlib.util.spec_from_file_location("install_torch", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def report(requires: list[str]) -> dict[str, Any]:
    return {"install": [{"metadata": {"requires_dist": requires}}]}


@pytest.mark.parametrize(
    ("requires", "platform", "chosen", "has_gpu", "takes"),
    [
        (CUDA, "linux", "", False, "cpu"),
        (CUDA, "linux", "", True, ""),
        (CUDA, "darwin", "", False, ""),  # the same metadata, but CUDA only comes on Linux
        (PLAIN, "linux", "", False, ""),
        (CUDA, "linux", "pypi", False, ""),
        (CUDA, "linux", "https://example.org/simple", True, "https://example.org/simple"),
    ],
)
def test_the_index_fits_machine_and_wish(
    installer: ModuleType, requires: list[str], platform: str, chosen: str, has_gpu: bool, takes: str
) -> None:
    wanted = {"": [], "cpu": ["--index-url", installer.CPU_INDEX]}.get(takes, ["--index-url", takes])
    assert installer.index_arguments(report(requires), platform, chosen, has_gpu) == wanted


def test_nothing_to_install_needs_no_cuda(installer: ModuleType) -> None:
    assert not installer.needs_cuda({"install": []})
