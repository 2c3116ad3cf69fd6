"""An OpenDocument text is read as it is shown."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from making import epub, odt

from coalition_qa.types import DocumentError

if TYPE_CHECKING:
    from tests.documents.conftest import Parse


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ('<text:h text:outline-level="1">Rome</text:h><text:p>One.</text:p>', "# Rome\n\nOne."),
        (
            "<text:p>a<text:span>b</text:span> c<text:s text:c='99999999'/>d<text:tab/>e<text:line-break/>f</text:p>",
            "ab c d e\nf",
        ),
        (
            "<text:list><text:list-item><text:p>one</text:p></text:list-item></text:list><text:p>end</text:p>",
            "- one\n\nend",
        ),
        (
            "<table:table><table:table-row><table:table-cell><text:p>a</text:p><text:p>b</text:p></table:table-cell>"
            "<table:table-cell table:number-columns-repeated='9999999'><text:p>c</text:p></table:table-cell>"
            "</table:table-row></table:table>",
            "| a b | c |",
        ),
        ("<text:p>kept<office:annotation><text:p>no</text:p></office:annotation> on</text:p>", "kept on"),
        ("<text:tracked-changes><text:p>no</text:p></text:tracked-changes><text:p>kept</text:p>", "kept"),
        (
            "<text:p>Text<text:note><text:note-citation>1</text:note-citation><text:note-body><text:p>Note.</text:p>"
            "</text:note-body></text:note> goes on.</text:p><text:p>End.</text:p>",
            "Text goes on.\n\nEnd.\n\nNote.",
        ),
        (
            "<text:p>a<draw:frame><draw:text-box><text:p>box</text:p></draw:text-box></draw:frame>b</text:p>",
            "box\n\nab",
        ),
    ],
)
def test_what_is_shown_is_read(parse: Parse, body: str, text: str) -> None:
    assert parse("a.odt", odt(body)).text == text


def test_title_date_and_language_are_the_files_own(parse: Parse) -> None:
    meta = (
        "<dc:title>Roma</dc:title><meta:creation-date>2021-06-28T10:00:00</meta:creation-date>"
        "<dc:date>2022-01-01</dc:date><dc:language>it-IT</dc:language>"
    )
    document = parse("a.odt", odt("<text:p>Testo.</text:p>", meta))
    assert (document.title, document.date, document.language) == ("Roma", "2021-06-28", "it-IT")


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        (odt(""), "holds no text"),
        (odt("<text:p>x</text:p>", **{"META-INF/manifest.xml": "<m><encryption-data/></m>"}), "is encrypted"),
        (epub("<p>x</p>"), "is no odt file"),
        (odt("<text:p>x"), "is cut short or damaged"),
    ],
)
def test_a_file_that_cannot_be_read_says_why(parse: Parse, raw: bytes, why: str) -> None:
    with pytest.raises(DocumentError, match=rf"^a\.odt: .*{why}"):
        parse("a.odt", raw)
