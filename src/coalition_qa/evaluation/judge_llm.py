"""An optional second opinion: an LLM behind an OpenAI-compatible server says whether an answer is right.

It adds a column and never gates: small judges contradict themselves and break their format, so a reply that is not
one of the two words asked for is counted as invalid, never guessed at.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from http.client import HTTPException
from typing import Any, Literal
from urllib.error import URLError
from urllib.request import Request, urlopen

from coalition_qa.types import SettingsError

_SECONDS = 120
_UNUSABLE = (OSError, HTTPException, ValueError, KeyError, IndexError, TypeError, RecursionError)
"""All that a server which isn't there, or speaks something else, can bring about."""

_PROMPT = """\
You grade an answer to a question against the reference answers. The answer is right when it says what one of the
reference answers says, in whatever words, and does not contradict it.

Question: {question}
Reference answers: {references}
Answer: {answer}

Reply with this JSON object and nothing else: {{"verdict": "right"}} or {{"verdict": "wrong"}}"""


class ChatJudge:
    """A chat model behind a URL such as http://127.0.0.1:11434/v1."""

    def __init__(self, url: str, model: str = "") -> None:
        """Use the model of that name, or else the first that the server lists.

        Raises SettingsError where no such server answers.
        """
        self._url = url.rstrip("/")
        if not self._url.startswith(("http://", "https://")):
            raise SettingsError(f"--judge {url}: not a URL; give one like http://127.0.0.1:11434/v1.")
        try:
            self.model = model or str(self._reply("/models")["data"][0]["id"])
        except _UNUSABLE as error:
            why = error.reason if isinstance(error, URLError) else f"{type(error).__name__}: {error}"
            told = f"--judge {url}: no model is served there ({why}); start the server."
            raise SettingsError(" ".join(told.split())) from error

    def __call__(self, question: str, references: Sequence[str], answer: str) -> Literal["right", "wrong", "invalid"]:
        """The model's word on an answer; "invalid" for any other reply, and for none."""
        prompt = _PROMPT.format(question=question, references=json.dumps(list(references)), answer=answer)
        wanted = {"model": self.model, "messages": [{"role": "user", "content": prompt}], "temperature": 0, "seed": 0}
        try:
            content = self._reply("/chat/completions", wanted)["choices"][0]["message"]["content"]
            verdict = json.loads(content)["verdict"]
        except _UNUSABLE:
            return "invalid"
        return verdict if verdict in ("right", "wrong") else "invalid"

    def _reply(self, path: str, body: dict[str, Any] | None = None) -> Any:  # noqa: ANN401 - whatever the server sends
        data = None if body is None else json.dumps(body).encode()
        request = Request(self._url + path, data, {"Content-Type": "application/json"})
        with urlopen(request, timeout=_SECONDS) as reply:
            return json.load(reply)
