"""A row says what its values are."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from coalition_qa.types import DocumentError

if TYPE_CHECKING:
    from tests.documents.conftest import Parse


@pytest.mark.parametrize(
    ("table", "text"),
    [
        ("Name,City\nKari,Oslo\nOla,Bergen\n", "Name: Kari; City: Oslo\n\nName: Ola; City: Bergen"),
        ("Name;Price\nBread;1,50\nSalt;0,30", "Name: Bread; Price: 1,50\n\nName: Salt; Price: 0,30"),
        ("Name\tCity\n\nKari\tOslo", "Name: Kari; City: Oslo"),
        ('Name,Note\n"Berg, Kari","said ""no"""', 'Name: Berg, Kari; Note: said "no"'),
        ("Name,City\nKari,,extra", "Name: Kari; extra"),
        ("Note,Who\nIt rained.,Kari", "Note: It rained.\nWho: Kari"),
        ("only a header,here", "only a header; here"),
        ('Name,Note\nKari,"one\ntwo"', "Name: Kari\n\nNote: one\ntwo"),
        ("Name\nKari", "Name: Kari"),
    ],
)
def test_each_row_of_a_table_is_a_paragraph(parse: Parse, table: str, text: str) -> None:
    assert parse("a.csv", table.encode()).text == text


@pytest.mark.parametrize(
    ("records", "text"),
    [
        ('{"name": "Kari", "city": {"name": "Oslo"}}\n\n{"name": "Ola"}', "name: Kari; city.name: Oslo\n\nname: Ola"),
        ('{"tags": ["a", "b"], "n": 1.5, "yes": true, "no": null}', "tags: a, b; n: 1.5; yes: true"),
        ('"plain"\n["a", {"b": "c"}]', "plain\n\na; b: c"),
        ('{"title": "T", "text": "' + "word " * 50 + '"}', "title: T\n\ntext: " + ("word " * 50).strip()),
        ('{"lone": "\\ud800x"}', "lone: \ufffdx"),
    ],
)
def test_each_line_of_json_is_a_paragraph(parse: Parse, records: str, text: str) -> None:
    assert parse("a.jsonl", records.encode()).text == text


@pytest.mark.parametrize(
    ("name", "raw", "why"),
    [
        ("a.csv", b",,\n,,\n", "holds no text"),
        ("a.csv", b"<!doctype html><p>Log in", "is really HTML"),
        ("a.jsonl", b'{"a": 1}\n{"a": ', "line 2 is not JSON"),
        ("a.jsonl", b"[" * 100_000, "line 1 is not JSON"),
        ("a.jsonl", b'{"a":' * 50 + b'"x"' + b"}" * 50, "line 1 is nested too deeply"),
    ],
)
def test_rows_that_cannot_be_read_say_why(parse: Parse, name: str, raw: bytes, why: str) -> None:
    with pytest.raises(DocumentError, match=rf"^{name}: .*{why}"):
        parse(name, raw)


@pytest.mark.parametrize(
    ("table", "first"),
    [
        ('id,address,tags\n1,"Main St, Oslo, Norway",red|blue\n2,"A, B",x|y\n3,"C, D, E",z|w', "tags: red|blue"),
        ('id,title,authors\n1,T,"Smith, Jo; Doe, Al"\n2,U,"Roe, B; Poe, C"', "authors: Smith, Jo; Doe, Al"),
        ("sep=;\nname;city\nKari;Oslo", "name: Kari; city: Oslo"),
        ("name;price\nKari;1,50\nOla;2,50", "name: Kari; price: 1,50"),
    ],
)
def test_a_delimiter_inside_quotes_delimits_nothing(parse: Parse, table: str, first: str) -> None:
    assert first in parse("a.csv", table.encode()).text.split("\n")[0]
