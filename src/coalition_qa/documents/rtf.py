"""Rich text, as word processors exchange it."""

from __future__ import annotations

import re
from locale import windows_locale

from coalition_qa.documents.manuscript import Manuscript, Parsed, Refused, iso_date, language_tag, short_title

_TITLE = re.compile(r"\{\\title\s([^{}\\]{1,500})\}")
_CREATED = re.compile(r"\{\\creatim\\yr(\d{4})\\mo(\d{1,2})\\dy(\d{1,2})")
_LANGUAGE = re.compile(r"\\deflang(\d{1,5})\b")


def read_rtf(raw: bytes) -> Parsed:
    """Paragraphs, and the rows of tables; title, date and language from the document's own head."""
    from striprtf.striprtf import rtf_to_text

    source = raw.decode("latin-1")
    if not source.rstrip("\0 \r\n").endswith("}"):
        raise Refused("is cut short or damaged; save it again.")
    manuscript = Manuscript()
    for line in rtf_to_text(source, encoding="cp1252", errors="replace").split("\n"):
        if line.endswith("|") and line.count("|") > 1:
            manuscript.row(line[:-1].split("|"))
        else:
            manuscript.paragraph(line)
    head = source[:20_000]
    title, created, language = (found.search(head) for found in (_TITLE, _CREATED, _LANGUAGE))
    date = f"{created[1]}-{int(created[2]):02}-{int(created[3]):02}" if created else ""
    tag = windows_locale.get(int(language[1]), "") if language else ""
    return Parsed(manuscript.text(), short_title(title[1] if title else ""), iso_date(date), language_tag(tag))
