from __future__ import annotations

from pathlib import Path

import pytest

from coalition_qa.evaluation.gold import Gold, load_gold
from coalition_qa.types import Document, GoldError

DOCUMENTS = {
    "rome.txt": Document("rome.txt", 'They met in Rome, "the eternal city". It ended.'),
    "oslo.txt": Document("oslo.txt", "Nobody met in Oslo. It ended."),
}


def load(tmp_path: Path, text: str) -> Gold:
    path = tmp_path / "gold.CSV"
    path.write_bytes(text.encode())
    return load_gold(path, DOCUMENTS)


def refusal(tmp_path: Path, text: str) -> str:
    with pytest.raises(GoldError) as refused:
        load(tmp_path, text)
    return str(refused.value).removeprefix(str(tmp_path / "gold.CSV"))


def test_a_row_is_an_item_and_one_without_an_answer_is_unanswerable(tmp_path: Path) -> None:
    gold = load(
        tmp_path,
        '\ufeffQuestion,Answer,Quote\r\n"Where, then?",Rome,"met in Rome, ""the eternal city"""\r\nWho won?,,\r\n',
    )
    where, who = gold.items
    assert (where.id, where.question, where.answers, where.category) == ("row2", "Where, then?", ("Rome",), "factoid")
    assert [(place.doc, place.text) for place in where.evidence] == [("rome.txt", 'met in Rome, "the eternal city"')]
    assert (who.id, who.answerable, who.category, who.split) == ("row3", False, "unanswerable-near", "test")


def test_more_can_be_said_in_more_columns(tmp_path: Path) -> None:
    row = "x1,It ended.,oslo.txt,Did it end?,Yes,temporal,dev\n"
    (item,) = load(tmp_path, f"id,quote,doc,question,answer,category,split\n{row}").items
    assert (item.id, item.evidence[0].doc, item.category, item.split) == ("x1", "oslo.txt", "temporal", "dev")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", ": the first line of a table names its columns, each once: question, answer, quote, and if you like doc"),
        ("question,answer\nWho?,\n", "here it is about 'quote'."),
        ("question,answer,quote,colour\n", "here it is about 'colour'."),
        ("question,answer,quote,quote\n", "here it is about 'one twice'."),
        ("question,answer,quote\n", ": the gold file holds no items"),
        ("question,answer,quote\nWho?,a\n", ", line 2: not as many cells as columns; put commas in quotes."),
        ("question,answer,quote\nWho, then?,a,b\n", ", line 2: not as many cells as columns"),
        ('question,answer,quote\n"Who?,a,b\n', ", line 2: not valid CSV (unexpected end of data)"),
        ("question,answer,quote\nWho?,Rome,met in Milan\n", ", line 2, item row2: the quote 'met in Milan' is not in"),
        ('question,answer,quote\n"Who\n?",,\nWho?,x,\n', ", line 4, item row3: answerable without evidence"),
    ],
)
def test_a_table_that_is_wrong_is_refused_with_the_line(tmp_path: Path, text: str, problem: str) -> None:
    assert problem in refusal(tmp_path, text)
