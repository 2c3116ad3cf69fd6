"""A web page becomes what its reader sees of it, in order."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from coalition_qa.types import DocumentError

if TYPE_CHECKING:
    from tests.documents.conftest import Parse


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ("<h1>Rome</h1><p>One\n two.</p><p>Three.</p>", "# Rome\n\nOne two.\n\nThree."),
        ("<h3>A <em>b</em></h3>after", "### A b\n\nafter"),
        ("<p>a<br>b</p>c<div>d<div>e</div>f</div>", "a\nb\n\nc\n\nd\n\ne\n\nf"),
        ("<ul><li>one<li>two <b>bold</b></ul><p>end", "- one\n- two bold\n\nend"),
        ("<table><tr><th>Name<th>Age<tr><td>Kari</td><td>5</td></tr></table>", "| Name | Age |\n| Kari | 5 |"),
        ("<table><caption>Ages</caption><tr><td><p>a</p><p>b</p><td>c</table>", "Ages\n\n| a b | c |"),
        ("<table><tr><td><h1>Page</h1><p>Text.</p></td><td>Side</td></tr></table>", "# Page\n\nText.\n\nSide"),
        ("<pre>a\n  b</pre><p>c</p>", "a\nb\n\nc"),
        ("a&nbsp;b &lt;i&gt; caf&eacute; x&shy;y\u200b", "a b <i> café xy\u200b"),
        ("<p>A<span>B</span>C <a href=x>D</a>.</p>", "ABC D."),
        ("<p>unclosed <b>bold<p>next</b> more", "unclosed bold\n\nnext more"),
    ],
)
def test_blocks_stand_apart_and_inline_text_flows(parse: Parse, body: str, text: str) -> None:
    assert parse("a.html", f"<!doctype html><body>{body}".encode()).text == text


@pytest.mark.parametrize(
    "hidden",
    [
        "<script>no()</script>",
        "<style>no {}</style>",
        "<nav><ul><li>no</ul></nav>",
        "<noscript>no</noscript>",
        "<template><p>no</template>",
        "<!-- no -->",
        "<div hidden><p>no</div>",
        "<div style='color: red; DISPLAY : none'>no</div>",
        "<div aria-hidden=true>no</div>",
        "<div role=navigation>no</div>",
        "<footer>no</footer>",
        "<button>no</button><select><option>no</select><svg><text>no</text></svg>",
    ],
)
def test_what_is_not_seen_or_not_content_is_left_out(parse: Parse, hidden: str) -> None:
    page = f"<html><head><title>no</title></head><body>before {hidden} after <p>end</p></body></html>"
    text = parse("a.html", page.encode()).text
    assert "no" not in text
    assert " ".join(text.split()) == "before after end"


def test_an_articles_own_head_and_foot_are_content(parse: Parse) -> None:
    page = "<article><header><h1>Rome</h1></header><p>Text.</p><footer>By Kari.</footer></article>"
    assert parse("a.html", page.encode()).text == "# Rome\n\nText.\n\nBy Kari."


def test_the_head_says_title_date_and_language(parse: Parse) -> None:
    page = (
        "<html lang='it-IT'><head><title>Rome - The Site</title><meta property='og:title' content='Rome'>"
        "<meta property='article:published_time' content='2021-06-28T10:00:00Z'></head><body><h1>No</h1>text</body>"
    )
    document = parse("a.html", page.encode())
    assert (document.title, document.date, document.language) == ("Rome", "2021-06-28", "it-IT")
    plain = parse("b.html", b"<title>One &amp; two</title><body><h1>No</h1><time datetime=2020-02>then</time>")
    assert (plain.title, plain.date, plain.language) == ("One & two", "2020-02", "")
    assert parse("my-page.html", b"<p>text").title == "my page"


@pytest.mark.parametrize(
    ("declared", "encoding"),
    [
        ("<meta charset=windows-1251>", "cp1251"),
        ("<meta http-equiv=Content-Type content='text/html; charset=iso-8859-1'>", "cp1252"),
        ("<meta charset=utf-8>", "cp1251"),
        ("<meta charset=no-such>", "utf-8"),
        ("", "utf-8-sig"),
        ("", "utf-16"),
    ],
)
def test_the_encoding_is_the_declared_one_unless_it_cannot_be(parse: Parse, declared: str, encoding: str) -> None:
    text = "Министр заявил, что встреча была полезной." if encoding == "cp1251" else "“Café”, said the naïve one."
    assert parse("a.html", f"<html><head>{declared}</head><p>{text}</p>".encode(encoding)).text == text


@pytest.mark.parametrize(
    ("page", "why"),
    [
        (b"", "holds no text"),
        (b"<html><head><title>Empty</title></head><body><script>x()</script></body></html>", "holds no text"),
        (b"<div>" * 100_000 + b"text", "nested too deeply"),
        (b"%PDF-1.7 <html>", "is really a PDF"),
    ],
)
def test_a_page_without_text_or_that_is_none_is_refused(parse: Parse, page: bytes, why: str) -> None:
    with pytest.raises(DocumentError, match=rf"^a\.html: .*{why}"):
        parse("a.html", page)


def test_a_heading_that_opens_and_shuts_is_read(parse: Parse) -> None:
    page = "<h2><button>How long?</button></h2><div><p>Two years.</p></div><button>Send</button>"
    assert parse("a.html", page.encode()).text == "## How long?\n\nTwo years."
