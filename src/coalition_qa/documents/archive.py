"""Zip archives that hold a document, opened without trusting what they say of themselves, and the XML in them."""

from __future__ import annotations

import zlib
from io import BytesIO
from typing import TYPE_CHECKING
from zipfile import BadZipFile, ZipFile

from coalition_qa.documents.manuscript import Refused

if TYPE_CHECKING:
    from lxml import etree

MOST_PARTS = 20_000
MOST_MEGABYTES = 300
"""Of all parts together, unpacked: a 20 MB document of text holds about a tenth of it."""

_DAMAGED = "is cut short or damaged; save it again."
_ENTITIES = "uses XML entities of its own, which no document needs; leave it out."


class Archive:
    """The parts of a zip archive, by name. A name is only ever looked up, never made a path."""

    def __init__(self, raw: bytes) -> None:
        """Raises Refused for what is no whole archive, is encrypted, or would unpack to more than the limits."""
        try:
            self._zip = ZipFile(BytesIO(raw))
        except (BadZipFile, ValueError, OSError, NotImplementedError) as error:
            raise Refused(_DAMAGED) from error
        parts = self._zip.infolist()
        self._left = MOST_MEGABYTES * 1_000_000
        if len(parts) > MOST_PARTS:
            raise Refused(f"holds {len(parts):,} parts, the limit is {MOST_PARTS:,}; leave it out.")
        if any(part.flag_bits & 1 for part in parts):
            raise Refused("is encrypted; save it without a password.")

    def __contains__(self, name: str) -> bool:
        return name in self._zip.NameToInfo

    def read(self, name: str) -> bytes:
        """One part, unpacked. Raises Refused where it is missing, damaged, or too much with those read before."""
        try:
            with self._zip.open(name) as part:
                content = part.read(self._left + 1)  # what the directory says of its size may be a lie
        except KeyError as error:
            raise Refused(f"has no part {name[-60:]!r}; it may be damaged: save it again.") from error
        except (BadZipFile, zlib.error, EOFError, OSError, ValueError, NotImplementedError) as error:
            raise Refused(_DAMAGED) from error
        self._left -= len(content)
        if self._left < 0:
            raise Refused(f"unpacks to over {MOST_MEGABYTES} MB; leave it out.")
        return content

    def xml(self, name: str) -> etree._Element:
        """One part as XML. Raises Refused as `read` does, and as `parse_xml`."""
        return parse_xml(self.read(name))


def parse_xml(content: bytes) -> etree._Element:
    """The root of an XML document; entities stay unresolved, nothing is loaded.

    Raises Refused where it is not well-formed, nested too deeply, or declares entities of its own.
    """
    from lxml import etree

    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False, remove_comments=True, remove_pis=True
    )
    try:
        root = etree.fromstring(content, parser)
    except etree.XMLSyntaxError as error:
        if "Excessive depth" in str(error):
            raise Refused("is nested too deeply to be read whole; save it as plain text.") from error
        if "entit" in str(error).lower():
            raise Refused(_ENTITIES) from error
        if is_memory(error):
            raise MemoryError from error
        raise Refused(_DAMAGED) from error
    declared = root.getroottree().docinfo.internalDTD
    if declared is not None and next(declared.iterentities(), None) is not None:
        raise Refused(_ENTITIES)
    return root


def is_memory(error: etree.XMLSyntaxError) -> bool:
    """Whether a parser failed for want of memory, which it doesn't always know itself."""
    return bool(error.code == 2 or "unknown error" in str(error))  # XML_ERR_NO_MEMORY


def local(element: etree._Element) -> str:
    """An element's name without its namespace."""
    return str(element.tag).rpartition("}")[2]


def attribute(element: etree._Element, name: str) -> str:
    """An attribute by its name without namespace, or nothing."""
    return next((str(value) for key, value in element.attrib.items() if str(key).rpartition("}")[2] == name), "")


def first_text(root: etree._Element, name: str) -> str:
    """The text of the first element of this name, or nothing."""
    found = next((element for element in root.iter("{*}" + name) if element.text), None)
    return (found.text or "").strip() if found is not None else ""
