"""Evaluation: gold questions, metrics as pure functions, a run, its report."""

from coalition_qa.evaluation.gold import Gold, GoldItem, load_gold
from coalition_qa.evaluation.report import to_markdown, to_text, write
from coalition_qa.evaluation.run import Asks, Report, Result, run

__all__ = [
    "Asks",
    "Gold",
    "GoldItem",
    "Report",
    "Result",
    "load_gold",
    "run",
    "to_markdown",
    "to_text",
    "write",
]
