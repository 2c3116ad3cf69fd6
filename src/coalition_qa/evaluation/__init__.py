"""Evaluation: gold questions, a run that asks them, verdicts and numbers, comparison and gate.

gold = load_gold(path, documents)
with Journal(folder, info) as journal:
    results = run(assistant, choose(gold.items, "test"), journal)
made = measure.report(read_results(results), info)
"""

from coalition_qa.evaluation.adding import add_item, fields_of
from coalition_qa.evaluation.gold import Gold, GoldItem, check_gold, load_gold
from coalition_qa.evaluation.journal import Journal
from coalition_qa.evaluation.measure import Report
from coalition_qa.evaluation.results import Result, RunInfo, read_results
from coalition_qa.evaluation.run import Asks, choose, run
from coalition_qa.evaluation.squad import load_squad

__all__ = [
    "Asks",
    "Gold",
    "GoldItem",
    "Journal",
    "Report",
    "Result",
    "RunInfo",
    "add_item",
    "check_gold",
    "choose",
    "fields_of",
    "load_gold",
    "load_squad",
    "read_results",
    "run",
]
