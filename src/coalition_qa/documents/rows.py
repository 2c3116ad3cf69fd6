"""Tables and records as text: each row says what its values are, so that it can be found and quoted by itself."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from io import StringIO
from itertools import islice

from coalition_qa.documents.manuscript import Manuscript, Parsed, Refused, one_line
from coalition_qa.documents.text import decode

_DELIMITERS = ",;\t|"
_TOLD = re.compile(r"sep=([,;\t|])[ \t]*\r?\n", re.IGNORECASE)  # how Excel says it, in a line of its own
_SAMPLE = 20  # rows
_LONG = 200  # characters of a value that stands as a paragraph of its own
_ENDED = re.compile(r"([.!?]); ")  # a value that is a sentence ends its line
_DEEP = 20  # objects in objects


def read_csv(raw: bytes) -> Parsed:
    """`Name: Kari; City: Oslo` for each row, under the names of the first one."""
    text = decode(raw).replace("\0", "")
    csv.field_size_limit(len(text) + 1)
    told = _TOLD.match(text)
    text = text[told.end() :] if told else text
    try:
        delimiter = told.group(1) if told else _delimiter(text)
        rows = (row for row in csv.reader(StringIO(text, newline=""), delimiter=delimiter) if any(map(str.strip, row)))
        header = next(rows, [])
        manuscript = Manuscript()
        written = 0
        for row in rows:
            written += 1
            _write(manuscript, _named(header, row))
    except csv.Error as error:
        raise Refused(f"is no table ({error}); save it again as .csv.") from error
    if not written:
        manuscript.paragraph("; ".join(header))
    return Parsed(manuscript.text())


def read_jsonl(raw: bytes) -> Parsed:
    """`name: Kari; city: Oslo` for each line; inside an object `outer.inner`; long values are paragraphs."""
    manuscript = Manuscript()
    for number, line in enumerate(decode(raw).split("\n"), 1):
        if line.strip():
            try:
                record = json.loads(line)
            except (ValueError, RecursionError) as error:
                raise Refused(f"line {number} is not JSON; mend that or save it as plain text.") from error
            _write(manuscript, list(_values(record, "", 0, number)))
    return Parsed(manuscript.text())


def _delimiter(text: str) -> str:
    """The one that cuts the first row, and most of the next, into equally many fields, more than one."""

    def agreement(delimiter: str) -> tuple[bool, int, int]:
        rows = csv.reader(StringIO(text[:100_000], newline=""), delimiter=delimiter)
        counts = [len(row) - 1 for row in islice(filter(None, rows), _SAMPLE)]
        common = max(set(counts), key=counts.count, default=0)
        return (bool(counts) and counts[0] > 0, counts.count(common) if common else 0, common)

    return max(_DELIMITERS, key=agreement)


def _named(header: Sequence[str], row: Sequence[str]) -> list[tuple[str, str]]:
    names = [*header, *[""] * (len(row) - len(header))]
    return list(zip(names, row, strict=False))


def _values(value: object, name: str, depth: int, line: int) -> Iterator[tuple[str, str]]:
    if depth > _DEEP:
        raise Refused(f"line {line} is nested too deeply; save it as plain text.")
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _values(inner, f"{name}.{key}" if name else str(key), depth + 1, line)
    elif isinstance(value, list) and any(isinstance(inner, dict | list) for inner in value):
        for inner in value:
            yield from _values(inner, name, depth + 1, line)
    elif isinstance(value, list):
        yield name, ", ".join(_said(inner) for inner in value)
    else:
        yield name, _said(value)


def _said(value: object) -> str:
    return "" if value is None else str(value).lower() if isinstance(value, bool) else str(value)


def _write(manuscript: Manuscript, values: Iterable[tuple[str, str]]) -> None:
    """One paragraph of what is short, then one for each long value."""
    short, long = [], []
    for name, value in values:
        label, content = one_line(name), value.strip()
        if len(content) > _LONG or "\n" in content:
            long.append(f"{label}: {content}" if label else content)
        elif content:
            short.append(f"{label}: {one_line(content)}" if label else one_line(content))
    manuscript.paragraph(_ENDED.sub(r"\1\n", "; ".join(short)))
    for one in long:
        manuscript.paragraph(one)
