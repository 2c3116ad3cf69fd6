"""Files to documents: one reader for each format, in a process that can do no harm."""

from coalition_qa.documents.kinds import READABLE, is_readable, reader_version
from coalition_qa.documents.parser import Limits, Parser

__all__ = ["READABLE", "Limits", "Parser", "is_readable", "reader_version"]
