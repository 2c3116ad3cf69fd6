"""Write README's results table from the committed run, eval/baseline.json; --check fails where the two differ.

python scripts/readme_results.py [--check] [--readme README.md] [--baseline eval/baseline.json]
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable
from pathlib import Path

from coalition_qa.evaluation import baseline
from coalition_qa.evaluation.baseline import Baseline
from coalition_qa.evaluation.files import replace_file
from coalition_qa.evaluation.statistics import Estimate
from coalition_qa.types import CoalitionQAError

BEGIN = "<!-- results: made by scripts/readme_results.py from eval/baseline.json -->"
END = "<!-- /results -->"
ROOT = Path(__file__).parents[1]

ROWS = {
    "headline/reliable accuracy": "reliable accuracy: right with a valid supporting citation, or rightly declined",
    "headline/trust: right - wrong": "trust: right less wrong answers, declining counts 0",
    "retrieval/hit@1": "passage with the evidence first",
    "retrieval/hit@5": "passage with the evidence among the first 5",
    "answers/correct": "answerable questions answered with the gold answer, declining counts as wrong",
    "citations/valid": "citations that are valid",
    "citations/recall: statements supported": "sentences that their citations support",
    "citations/gold precision: citations on gold": "citations that point at the gold evidence",
    "abstention/hallucination": "answered although the documents don't say (hallucination)",
    "abstention/hallucination, unanswerable-near": "of these, questions close to the topic",
    "abstention/hallucination, unanswerable-far": "of these, questions on other topics",
    "abstention/hallucination, false-premise": "of these, questions with a false premise",
    "abstention/hallucination, adversarial": "of these, injected instructions and the like",
    "abstention/over-abstention": "declined although the documents say it (over-abstention)",
    "confidence/AUROC answerable": "confidence tells answerable from unanswerable (AUROC)",
}


def main(arguments: list[str] | None = None) -> int:
    """0: README is as it should be; 1: it was not (--check), or could not be made so."""
    parser = argparse.ArgumentParser(description="Write README's results table from the committed run.")
    parser.add_argument("--check", action="store_true", help="write nothing, fail where README is out of date")
    parser.add_argument("--readme", type=Path, default=ROOT / "README.md")
    parser.add_argument("--baseline", type=Path, default=ROOT / "eval" / "baseline.json")
    given = parser.parse_args(arguments)
    try:
        text = given.readme.read_text("utf-8")
        wanted = updated(text, baseline.read(given.baseline))
    except (CoalitionQAError, ValueError) as error:
        print(error, file=sys.stderr)
        return 1
    if wanted == text:
        return 0
    if given.check:
        print(f"{given.readme}: the results are not those of {given.baseline}: run `make baseline`.", file=sys.stderr)
        return 1
    replace_file(given.readme, wanted)
    return 0


def updated(readme: str, kept: Baseline) -> str:
    """The README with the table of this run between its two marks. Raises ValueError where it has no such marks."""
    before, begin, rest = readme.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"README has no line {BEGIN!r} with {END!r} below it: put them where the table belongs.")
    return f"{before}{BEGIN}\n{table(kept)}{END}{after}"


def table(kept: Baseline) -> str:
    """What was asked, a row a metric, and the time for a question; a row without a value is left out."""
    info = kept.info
    asked = f"{info.n} questions of {info.gold}, split {info.split}, on {info.documents} document"
    lines = [f"{asked}{'s' if info.documents != 1 else ''}; n, and 95% intervals:", ""]
    lines += ["| | value | n | 95% |", "|--|--|--|--|", *_rows(kept)]
    p50, p95 = (kept.timings.get(f"latency/total p{p} ms") for p in (50, 95))
    if p50 and p95 and p50.value is not None and p95.value is not None:
        lines += ["", f"One question took {p50.value / 1000:.2f} s (median; 95th percentile {p95.value / 1000:.2f} s)."]
    return "\n".join(lines) + "\n"


def _rows(kept: Baseline) -> Iterable[str]:
    for name, said in ROWS.items():
        estimate = kept.metrics.get(name)
        if estimate is not None and estimate.value is not None:
            yield f"| {said} | {_number(estimate.value)} | {estimate.n} | {_interval(estimate)} |"


def _interval(estimate: Estimate) -> str:
    if estimate.low is None or estimate.high is None:
        return "-"
    return f"{_number(estimate.low)} to {_number(estimate.high)}"


def _number(value: float) -> str:
    return f"{value:.3f}".replace("0.", ".", 1) if abs(value) < 0.9995 else f"{value:.0f}"


if __name__ == "__main__":
    raise SystemExit(main())
