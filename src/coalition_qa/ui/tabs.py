"""One user's conversation in one tab, and how it is kept beside what other tabs keep. No Gradio in here."""

from __future__ import annotations

import os
from dataclasses import dataclass

from coalition_qa.types import CoalitionQAError
from coalition_qa.ui import past
from coalition_qa.ui.behind import Behind
from coalition_qa.ui.exchanges import Exchange, dumped, loaded, title_of


@dataclass(frozen=True, slots=True)
class Tab:
    """One user's conversation in one tab: the id it is kept under, and what the tab last knew to be kept."""

    behind: Behind
    user: str
    kept: str
    known: tuple[Exchange, ...]

    def kept_with(self, exchanges: tuple[Exchange, ...]) -> tuple[str, str]:
        """Save the conversation: the id that it is kept under now, and the list of all. One that can't be saved is
        still shown, and one that another tab has changed or deleted meanwhile is kept beside it.
        """
        kept, fault, archive = self.kept, "", self.behind.archive
        if exchanges:
            try:
                title, body = title_of(exchanges), dumped(exchanges)
                if not archive.save(self.user, kept, title, body, lambda there: self._is_known(there, exchanges)):
                    kept = os.urandom(8).hex()
                    archive.save(self.user, kept, title, body)
            except CoalitionQAError as error:
                fault = str(error)
        return kept, listing(self.behind, self.user, kept, fault)

    def _is_known(self, there: str | None, exchanges: tuple[Exchange, ...]) -> bool:
        """Whether what is kept is what this tab last knew, or what it is about to keep."""
        return loaded(there or "[]") in (self.known, exchanges)


def listing(behind: Behind, user: str, kept: str, fault: str = "") -> str:
    """The user's conversations, the one that is open marked, as HTML."""
    return past.conversations(behind.archive.listed(user), kept, fault)
