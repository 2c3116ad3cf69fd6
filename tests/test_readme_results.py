"""README says what the committed run measured."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("readme_results", ROOT / "scripts" / "readme_results.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def copy(tmp_path: Path) -> list[str]:
    """README and baseline in a folder of their own, as arguments."""
    arguments = []
    for option, name in (("--readme", "README.md"), ("--baseline", "eval/baseline.json")):
        path = tmp_path / Path(name).name
        path.write_bytes((ROOT / name).read_bytes())
        arguments += [option, str(path)]
    return arguments


def test_readme_has_the_numbers_of_the_committed_run(script: ModuleType) -> None:
    assert script.main(["--check"]) == 0


def test_the_committed_run_is_on_the_committed_gold(script: ModuleType) -> None:
    kept = json.loads((ROOT / "eval" / "baseline.json").read_text("utf-8"))
    gold = [json.loads(line) for line in (ROOT / "eval" / "gold.jsonl").read_text("utf-8").splitlines()]
    questions = {each["id"]: each["question"] for each in gold if each.get("split", "test") == kept["info"]["split"]}
    assert {each["id"]: each["question"] for each in kept["items"]} == questions


def test_a_number_that_drifted_is_noticed_and_mended(
    script: ModuleType, copy: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    baseline = Path(copy[3])
    kept = json.loads(baseline.read_text("utf-8"))
    kept["metrics"]["headline/reliable accuracy"] |= {"value": 0.123, "low": 0.05, "high": 1.0}
    kept["timings"]["latency/total p50 ms"] |= {"value": 1234.0}
    baseline.write_text(json.dumps(kept))
    assert script.main(["--check", *copy]) == 1
    assert "make baseline" in capsys.readouterr().err
    assert script.main(copy) == 0
    readme = Path(copy[1]).read_text("utf-8")
    assert f"or rightly declined | .123 | {len(kept['items'])} | .050 to 1 |" in readme
    assert "One question took 1.23 s (median" in readme
    assert script.main(["--check", *copy]) == 0


def test_nothing_but_the_table_is_touched(script: ModuleType, copy: list[str]) -> None:
    readme = Path(copy[1])
    before, rest = readme.read_text("utf-8").split(script.BEGIN)
    after = rest.split(script.END)[1]
    readme.write_text(f"{before}{script.BEGIN}\nold{script.END}{after}", "utf-8")
    assert script.main(copy) == 0
    assert readme.read_text("utf-8") == (ROOT / "README.md").read_text("utf-8")


def test_a_metric_that_was_not_measured_has_no_row(script: ModuleType, copy: list[str]) -> None:
    kept = script.baseline.read(Path(copy[3]))
    assert "answered with the gold answer" in script.table(kept)
    unmeasured = kept.metrics["answers/correct"].__class__(None, 0)
    less = kept.model_copy(update={"metrics": {**kept.metrics, "answers/correct": unmeasured}, "timings": {}})
    assert "answered with the gold answer" not in script.table(less)
    assert "One question took" not in script.table(less)


@pytest.mark.parametrize("broken", ["--readme", "--baseline"])
def test_what_cannot_be_used_is_one_clear_line(
    script: ModuleType, copy: list[str], broken: str, capsys: pytest.CaptureFixture[str]
) -> None:
    Path(copy[copy.index(broken) + 1]).write_text("nothing of use")
    assert script.main(copy) == 1
    assert capsys.readouterr().err.count("\n") == 1
