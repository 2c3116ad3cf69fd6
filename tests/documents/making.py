"""Files of every format, made from texts: small, whole, and with nothing in them that a test didn't ask for."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Mapping
from hashlib import md5
from io import BytesIO
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile

SENTENCE = "The zebra crossing in Oslo was painted by Kari Nordmann in 1987."
WORD = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
OPEN = "urn:oasis:names:tc:opendocument:xmlns"


def zipped(parts: Mapping[str, str | bytes]) -> bytes:
    """An archive of these parts; a first one called `mimetype` is stored as it is."""
    buffer = BytesIO()
    with ZipFile(buffer, "w") as archive:
        for name, content in parts.items():
            archive.writestr(name, content, ZIP_STORED if name == "mimetype" else ZIP_DEFLATED, 1)
    return buffer.getvalue()


def line(text: str, *, left: float = 72, bottom: float = 700, size: float = 11) -> str:
    """The drawing of one line of text, in points from the lower left corner of a page of 612 x 792."""
    shown = text.replace("\\", "\\\\").replace("(", "\\(").replace(")", "\\)")
    return f"BT /F1 {size} Tf {left} {bottom} Td ({shown}) Tj ET\n"


def lines(*texts: str, top: float = 700, leading: float = 14, **more: float) -> str:
    """Lines below each other."""
    return "".join(line(text, bottom=top - leading * number, **more) for number, text in enumerate(texts))


def pdf(*pages: str, info: str = "", catalog: str = "", password: bytes | None = None) -> bytes:
    """Pages of drawings, in Helvetica. With a password it can't be opened without (RC4, 40 bits)."""
    count = len(pages)
    kids = " ".join(f"{4 + 2 * n} 0 R" for n in range(count))
    objects = [
        f"<< /Type /Catalog /Pages 2 0 R {catalog} >>".encode(),
        f"<< /Type /Pages /Kids [{kids}] /Count {count} /MediaBox [0 0 612 792] >>".encode(),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>",
    ]
    for number, page in enumerate(pages):
        content = zlib.compress(page.encode("cp1252"))
        resources = "/Resources << /Font << /F1 3 0 R >> >>"
        objects.append(f"<< /Type /Page /Parent 2 0 R /Contents {5 + 2 * number} 0 R {resources} >>".encode())
        objects.append(b"<< /Length %d /Filter /FlateDecode >>\nstream\n%b\nendstream" % (len(content), content))
    objects.append(f"<< {info} >>".encode("cp1252"))
    trailer = f"/Root 1 0 R /Info {len(objects)} 0 R".encode()
    if password is not None:
        objects.append(_locked(password))
        trailer += b" /Encrypt %d 0 R /ID [<%b> <%b>]" % (len(objects), b"00" * 16, b"00" * 16)
    return _numbered(objects, trailer)


def _numbered(objects: Iterable[bytes], trailer: bytes) -> bytes:
    made, places = bytearray(b"%PDF-1.4\n"), []
    for number, content in enumerate(objects, 1):
        places.append(len(made))
        made += b"%d 0 obj\n%b\nendobj\n" % (number, content)
    start = len(made)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    made += b"xref\n0 %d\n0000000000 65535 f \n%b" % (len(places) + 1, table)
    return bytes(made) + b"trailer\n<< /Size %d %b >>\nstartxref\n%d\n%%%%EOF\n" % (len(places) + 1, trailer, start)


def _locked(password: bytes) -> bytes:
    """The dictionary of the standard security handler, revision 2: PDF 1.4, section 3.5.2."""
    padding = bytes.fromhex("28BF4E5E4E758A4164004E56FFFA01082E2E00B6D0683E802F0CA9FE6453697A")
    padded = (password + padding)[:32]
    owner = _rc4(md5(padded).digest()[:5], padded)
    key = md5(padded + owner + b"\xfc\xff\xff\xff" + b"\0" * 16).digest()[:5]
    user = _rc4(key, padding)
    return b"<< /Filter /Standard /V 1 /R 2 /O <%b> /U <%b> /P -4 >>" % (owner.hex().encode(), user.hex().encode())


def _rc4(key: bytes, content: bytes) -> bytes:
    state, j = list(range(256)), 0
    for i in range(256):
        j = (j + state[i] + key[i % len(key)]) % 256
        state[i], state[j] = state[j], state[i]
    made, i, j = bytearray(), 0, 0
    for byte in content:
        i = (i + 1) % 256
        j = (j + state[i]) % 256
        state[i], state[j] = state[j], state[i]
        made.append(byte ^ state[(state[i] + state[j]) % 256])
    return bytes(made)


def docx(body: str, core: str = "", **parts: str) -> bytes:
    """A Word document with this in its body; other parts by name, as `styles=...`."""
    made = {
        "[Content_Types].xml": '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"/>',
        "word/document.xml": f'<w:document xmlns:w="{WORD}"><w:body>{body}</w:body></w:document>',
    }
    if core:
        spaces = 'xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:dcterms="http://purl.org/dc/terms/"'
        made["docProps/core.xml"] = f"<cp:coreProperties xmlns:cp='c' {spaces}>{core}</cp:coreProperties>"
    for name, content in parts.items():
        made[f"word/{name}.xml"] = f'<w:{name} xmlns:w="{WORD}">{content}</w:{name}>'
    return zipped(made)


def paragraph(text: str, properties: str = "") -> str:
    """A paragraph of Word's."""
    return f'<w:p><w:pPr>{properties}</w:pPr><w:r><w:t xml:space="preserve">{text}</w:t></w:r></w:p>'


def odt(body: str, meta: str = "", **parts: str) -> bytes:
    """An OpenDocument text with this in it."""
    spaces = " ".join(f'xmlns:{name}="{OPEN}:{name}:1.0"' for name in ("office", "text", "table", "meta", "draw"))
    spaces += ' xmlns:dc="http://purl.org/dc/elements/1.1/"'
    document = "<office:document-content {0}><office:body><office:text>{1}</office:text></office:body>"
    made = {
        "mimetype": "application/vnd.oasis.opendocument.text",
        "content.xml": document.format(spaces, body) + "</office:document-content>",
        "meta.xml": f"<office:document-meta {spaces}><office:meta>{meta}</office:meta></office:document-meta>",
    }
    return zipped({**made, **parts})


def epub(*chapters: str, meta: str = "", **parts: str) -> bytes:
    """A book with one file a chapter, under a folder of its own."""
    items = "".join(
        f'<item id="c{n}" href="text/c%20{n}.xhtml" media-type="application/xhtml+xml"/>' for n in range(len(chapters))
    )
    spine = "".join(f'<itemref idref="c{n}"/>' for n in range(len(chapters)))
    container = "urn:oasis:names:tc:opendocument:xmlns:container"
    made = {
        "mimetype": "application/epub+zip",
        "META-INF/container.xml": f'<container xmlns="{container}"><rootfiles>'
        '<rootfile full-path="OEBPS/book.opf"/></rootfiles></container>',
        "OEBPS/book.opf": '<package xmlns="http://www.idpf.org/2007/opf" xmlns:dc="http://purl.org/dc/elements/1.1/">'
        f"<metadata>{meta}</metadata><manifest>{items}</manifest><spine>{spine}</spine></package>",
    }
    for number, chapter in enumerate(chapters):
        made[f"OEBPS/text/c {number}.xhtml"] = chapter
    return zipped({**made, **parts})


def one_of_each(sentence: str = SENTENCE) -> dict[str, bytes]:
    """A file of every format, by name, each with this sentence and a few more."""
    more = "Owls hunt mice at night in the forests of Finland. Bread needs flour, water and salt."
    words = [sentence, *more.split(". ")]
    page = f"<html><head><title>Oslo</title></head><body><h1>Oslo</h1><p>{sentence}</p><p>{more}</p></body></html>"
    return {
        "a.txt": f"{sentence}\n\n{more}\n".encode("utf-16"),
        "a.md": f"# Oslo\n\n{sentence}\n\n{more} Café.\n".encode("cp1252"),
        "a.html": page.encode(),
        "a.pdf": pdf(lines(*words), lines(*reversed(words)), info="/Title (Oslo)"),
        "a.docx": docx(paragraph(sentence) + paragraph(more), "<dc:title>Oslo</dc:title>"),
        "a.odt": odt(f"<text:h>Oslo</text:h><text:p>{sentence}</text:p><text:p>{more}</text:p>"),
        "a.epub": epub(page, page.replace("Oslo</h1>", "Bergen</h1>")),
        "a.rtf": (rb"{\rtf1\ansi{\info{\title Oslo}}" + f"{sentence}\\par {more}\\par }}".encode()),
        "a.csv": f"what,who\n{sentence},Kari\n{more},Ola\n".encode(),
        "a.jsonl": f'{{"what": "{sentence}", "who": ["Kari"]}}\n{{"what": "{more}"}}\n'.encode(),
        "a.eml": f"From: kari@example.org\nSubject: Oslo\n\n{sentence}\n\n{more}\n".encode(),
    }
