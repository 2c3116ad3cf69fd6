"""A gold file as a table: CSV with a column each for question, answer and quote, as a spreadsheet saves it."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Mapping
from io import StringIO
from pathlib import Path
from typing import Any

from coalition_qa.types import GoldError

NEEDED = ("question", "answer", "quote")
ALLOWED = (*NEEDED, "doc", "id", "category", "split")


def is_table(path: Path) -> bool:
    """Whether the file's ending says that it is a table."""
    return path.suffix.lower() == ".csv"


def table_lines(text: str, where: str) -> Iterator[tuple[int, str]]:
    """Each row as a line of a gold file, with the number of the row's last line.

    A row without an answer is an unanswerable question. What is left out is filled in: the id with row2, row3 ... as
    a spreadsheet counts them, the category with factoid or unanswerable-near. Raises GoldError for other columns.
    """
    rows = csv.DictReader(StringIO(text, newline=""), strict=True)
    try:
        columns = [name.strip().lower() for name in rows.fieldnames or ()]
        wrong = [name for name in columns if name not in ALLOWED] or [name for name in NEEDED if name not in columns]
        if wrong or len(set(columns)) < len(columns):
            raise GoldError(
                f"{where}: the first line of a table names its columns, each once: {', '.join(NEEDED)}, and if you "
                f"like {', '.join(ALLOWED[len(NEEDED) :])}; here it is about {wrong[0] if wrong else 'one twice'!r}."
            )
        rows.fieldnames = columns
        for number, row in enumerate(rows, start=2):
            if None in row or None in row.values():
                raise GoldError(f"{where}, line {rows.line_num}: not as many cells as columns; put commas in quotes.")
            yield rows.line_num, json.dumps(_fields(row, number), ensure_ascii=False)
    except csv.Error as error:
        line = rows.reader.line_num
        raise GoldError(f"{where}, line {line}: not valid CSV ({error}); save the table again.") from error


def _fields(row: Mapping[str, str], number: int) -> dict[str, Any]:
    given = {name: cell.strip() for name, cell in row.items() if cell.strip()}
    answerable = "answer" in given
    fields: dict[str, Any] = {
        "id": given.get("id", f"row{number}"),
        "question": given.get("question", ""),
        "answerable": answerable,
        "category": given.get("category", "factoid" if answerable else "unanswerable-near"),
        "answers": [given["answer"]] if answerable else [],
        "evidence": [{"quote": given["quote"], **({"doc": given["doc"]} if "doc" in given else {})}]
        if "quote" in given
        else [],
    }
    return {**fields, "split": given["split"]} if "split" in given else fields
