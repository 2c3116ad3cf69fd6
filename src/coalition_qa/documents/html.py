"""Web pages: what a reader of the page sees, without its navigation, scripts and hidden parts."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from coalition_qa.documents.archive import is_memory
from coalition_qa.documents.manuscript import Manuscript, Parsed, Refused, iso_date, language_tag, one_line, short_title
from coalition_qa.documents.text import decode, strictly

if TYPE_CHECKING:
    from lxml import etree

_LEFT_OUT = frozenset(
    "script style noscript template head nav svg math canvas iframe object audio video map button select"
    " textarea dialog datalist".split()
)
_LEFT_OUT_ROLES = frozenset(("navigation", "search", "menu", "menubar", "banner", "contentinfo", "dialog", "alert"))
_BLOCKS = frozenset(
    "address article aside blockquote body caption center dd details div dl dt fieldset figcaption figure footer h1 h2"
    " h3 h4 h5 h6 header hgroup hr html legend li main ol p pre section summary table tbody td tfoot th thead tr"
    " ul".split()
)
_TITLED = frozenset("h1 h2 h3 h4 h5 h6 summary dt".split())
_WHOLES = frozenset(("article", "main", "section", "blockquote"))
_HIDDEN = re.compile(r"(?:display\s*:\s*none|visibility\s*:\s*hidden)", re.IGNORECASE)
_CHARSET = re.compile(
    rb"<(?:meta|\?xml)\b[^>]{0,500}?(?:charset|encoding)\s*=\s*[\"']?\s*([\w.:-]{1,40})", re.IGNORECASE
)
_DATES = ("article:published_time", "datepublished", "dc.date", "dcterms.date", "dcterms.created", "date", "pubdate")
_LEVEL = re.compile(r"h([1-6])$")


def read_html(raw: bytes) -> Parsed:
    """Headings, paragraphs, lists and tables in the order of the page; title, date and language from its head."""
    root = parse(decoded(raw))
    manuscript = Manuscript()
    write(root, manuscript)
    facts = _meta(root)
    title = facts.get("og:title") or _text_of(root, "title") or _text_of(root, "h1")
    date = next((found for name in _DATES if (found := iso_date(facts.get(name, "")))), "")
    language = root.get("lang") or root.get("{http://www.w3.org/XML/1998/namespace}lang") or ""
    return Parsed(manuscript.text(), short_title(title), date, language_tag(language))


def parse(text: str) -> etree._Element:
    """The tree of a page. Raises Refused for one that is nested deeper than the parser follows."""
    from lxml import etree

    parser = etree.HTMLParser(encoding="utf-8", no_network=True, remove_comments=True, remove_pis=True)
    try:
        root = etree.fromstring(text.encode("utf-8", "replace"), parser) if text.strip() else None
    except etree.XMLSyntaxError as error:  # whatever is in a page, it has a tree: only an empty one has none
        if is_memory(error):
            raise MemoryError from error
        root = None
    if any(error.type_name in ("ERR_RESOURCE_LIMIT", "ERR_NO_MEMORY") for error in parser.error_log):
        raise Refused("is nested too deeply to be read whole; save it as plain text.")
    if root is None:
        raise Refused("the file holds no text; fill it or leave it out.")
    return root


def write(root: etree._Element, manuscript: Manuscript) -> None:
    """Write what is seen of `root` into `manuscript`, block by block."""
    _Walk(manuscript).over(root)


class _Walk:
    """One pass over a tree: text gathers until a block begins or ends, and is then written as what it stood in."""

    def __init__(self, manuscript: Manuscript) -> None:
        self._manuscript = manuscript
        self._gathered: list[str] = []
        self._open: list[str] = []
        self._tables: list[bool] = []  # those that are open: whether each holds data, or only lays out the page
        self._row: list[str] = []

    def over(self, root: etree._Element) -> None:
        from lxml import etree

        hidden: etree._Element | None = None
        for event, element in etree.iterwalk(root, events=("start", "end")):
            if event == "start" and hidden is None:
                if self._is_left_out(element):
                    hidden = element
                else:
                    self._start(element)
            elif event == "end" and hidden is None:
                self._end(element)
            elif event == "end" and hidden is not None and element is hidden:
                self._gathered.append(self._flowing(hidden.tail))
                hidden = None
        self._flush()

    def _is_left_out(self, element: etree._Element) -> bool:
        tag = element.tag
        if tag == "button" and _TITLED.intersection(self._open):  # what opens and shuts is often its own heading
            return False
        if tag in _LEFT_OUT or (tag == "footer" and not _WHOLES.intersection(self._open)):
            return True
        if element.get("role", "").lower() in _LEFT_OUT_ROLES or element.get("aria-hidden", "").lower() == "true":
            return True
        return element.get("hidden") is not None or _HIDDEN.search(element.get("style", "")) is not None

    def _start(self, element: etree._Element) -> None:
        tag = str(element.tag)
        self._open.append(tag)
        if tag == "br":
            self._gathered.append("\n")
        elif tag in _BLOCKS and self._in_data:
            self._gathered.append(" ")
        elif tag in _BLOCKS:
            self._flush()
        if tag == "table":
            self._tables.append(_holds_data(element))
        self._gathered.append(self._flowing(element.text))

    def _end(self, element: etree._Element) -> None:
        tag = str(element.tag)
        if self._in_data and tag in ("td", "th"):
            self._row.append(self._taken())
        elif self._in_data and tag in ("tr", "table"):
            self._manuscript.row([*self._row, *filter(str.strip, [self._taken()])])
            self._row.clear()
        elif tag == "caption":
            self._manuscript.paragraph(self._taken())
        elif tag in _BLOCKS and not self._in_data:
            self._flush()
        if tag == "table":
            self._tables.pop()
        self._open.pop()
        self._gathered.append(self._flowing(element.tail))

    @property
    def _in_data(self) -> bool:
        return bool(self._tables) and self._tables[-1]

    def _flowing(self, text: str | None) -> str:
        """Text of the file as the page shows it: outside `pre` a line end is a space."""
        return text or "" if not text or "pre" in self._open else text.replace("\n", " ").replace("\r", " ")

    def _taken(self) -> str:
        text = "".join(self._gathered)
        self._gathered.clear()
        return text

    def _flush(self) -> None:
        text = self._taken()
        level = next((found for tag in reversed(self._open) if (found := _LEVEL.match(tag))), None)
        if level:
            self._manuscript.heading(text, int(level.group(1)))
        elif "li" in self._open:
            self._manuscript.item(text)
        else:
            self._manuscript.paragraph(text)


def _holds_data(table: etree._Element) -> bool:
    """Whether a table's rows are to be read as rows: it isn't there to lay out the page."""
    if table.get("role", "").lower() in ("presentation", "none"):
        return False
    return not any(table.find(f".//{tag}") is not None for tag in ("table", "h1", "h2", "h3", "article", "form"))


def decoded(raw: bytes) -> str:
    """By byte-order mark, else as the page says itself, else as for plain text."""
    declared = _CHARSET.search(raw[:4096])
    if declared and not raw.startswith((b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")):
        encoding = declared.group(1).decode("ascii", "replace").lower()
        if not encoding.startswith("utf-16"):  # a page that could be read so far is not in UTF-16
            try:
                return strictly(raw, {"iso-8859-1": "cp1252", "latin1": "cp1252"}.get(encoding, encoding))
            except Refused:
                return decode(raw)
    return decode(raw)


def _meta(root: etree._Element) -> dict[str, str]:
    facts: dict[str, str] = {}
    for element in root.iter("meta"):
        name = element.get("property") or element.get("name") or element.get("itemprop") or ""
        facts.setdefault(name.lower(), element.get("content", "").strip())
    for element in root.iter("time"):
        facts.setdefault("pubdate", element.get("datetime", ""))
        break
    return facts


def _text_of(root: etree._Element, tag: str) -> str:
    found = next(root.iter(tag), None)
    return "" if found is None else one_line("".join(str(part) for part in found.itertext()))
