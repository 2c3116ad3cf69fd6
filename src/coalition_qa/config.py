"""Settings: each default written once, here. Flags beat the environment, which beats the TOML file."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from platformdirs import user_cache_path, user_config_path, user_data_path
from pydantic import Field, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from coalition_qa.types import SettingsError

PREFIX = "COALITION_QA_"
APP = "coalition-qa"
SHIPPED = "shipped"
Dial = Literal["strict", "balanced", "helpful"]


def _default_corpus() -> Path:
    here = Path("corpus")
    return here if here.is_dir() else _own_corpus()


def _own_corpus() -> Path:
    return user_data_path(APP) / "corpus"


class Settings(BaseSettings):
    """Everything a user may set. The environment variable of `corpus` is `COALITION_QA_CORPUS`, and so on.

    The file is `config.toml` in the user's configuration folder, or the one that `COALITION_QA_CONFIG` names.
    """

    model_config = SettingsConfigDict(env_prefix=PREFIX, env_ignore_empty=True, extra="forbid", frozen=True)

    corpus: Annotated[Path, Field(default_factory=_default_corpus)]
    """The folder that says which documents there are: ./corpus where it exists, else one in the user's data."""

    library: Path | None = None
    """The index folder; by default one for each corpus, in the user's data folder (see `library_path`)."""

    encoder: str = SHIPPED
    """"shipped", or a sentence-transformers model by name or path."""

    reader: str = SHIPPED
    """"shipped", or a Hugging Face extractive question answering model by name or path. Confidence is calibrated for
    the shipped one: give another its own `calibration`."""

    calibration: Path | None = None
    """The file that scripts/fit_confidence.py wrote for the reader; by default the shipped one."""

    dial: Dial = "balanced"
    """How sure an answer must be to be shown: "strict", "balanced" or "helpful"; README says what each costs."""

    gold: Path | None = None
    """Gold questions that everybody may run on the page's Evaluation screen, beside their own; by default
    ./eval/gold.jsonl where it exists (see `gold_path`)."""

    passages_read: Annotated[int, Field(ge=1, le=50)] = 5
    """How many retrieved passages are read for an answer."""

    max_question_characters: Annotated[int, Field(ge=10)] = 2_000
    """A longer question is refused: it is a pasted document, not a question."""

    max_file_megabytes: Annotated[float, Field(gt=0)] = 20.0
    """A larger file, or one with a larger text, is refused on its row of the plan."""

    parse_seconds: Annotated[float, Field(gt=0)] = 30.0
    """A file that takes longer to read is refused."""

    parse_megabytes: Annotated[int, Field(ge=200)] = 1_000
    """A file that takes more memory to read is refused."""

    chroma_url: str = ""
    """The Chroma server that holds the vectors' index, as http://127.0.0.1:8000; by default it is a folder beside the
    library. The store stays the truth either way."""

    threads: Annotated[int, Field(ge=1)] = min(4, os.cpu_count() or 1)
    """Processor threads for the models."""

    host: str = "127.0.0.1"
    """The address the page is served on."""

    port: Annotated[int, Field(ge=0, le=65_535)] = 7860
    """The port the page is served on; 0 takes a free one."""

    auth: Path | None = None
    """The file of users who may log in, which `coalition-qa login` writes. Any other address than this machine's own
    needs it, or `proxy_header`.
    """

    proxy_header: str = ""
    """The header in which a reverse proxy that logs users in, and lets nobody else reach the page, gives their name."""

    allow_hosts: tuple[str, ...] = ()
    """Names besides localhost that the page is served under."""

    requests_per_minute: Annotated[int, Field(ge=1)] = 600
    """How often one user, or one address where nobody logs in, may ask, upload or click in a minute."""

    max_upload_megabytes: Annotated[float, Field(gt=0)] = 200.0
    """A larger upload, of all its files together, is refused."""

    max_corpus_megabytes: Annotated[float, Field(gt=0)] = 5_000.0
    """From the page no more is added than makes the corpus folder this large; on the command line there is no limit."""

    answers_at_once: Annotated[int, Field(ge=1)] = 2
    """How many questions are answered at the same time; others wait."""

    most_waiting: Annotated[int, Field(ge=1)] = 64
    """How many may wait; the next is told that the page is busy."""

    @field_validator("chroma_url", mode="after")
    @classmethod
    def _is_url(cls, url: str) -> str:
        parts = urlsplit(url)
        if url and (parts.scheme not in ("http", "https") or not parts.hostname or parts.path not in ("", "/")):
            raise ValueError("give it as http://host:port")
        return url.rstrip("/")

    @field_validator("auth", "corpus", "library", "calibration", "gold", mode="after")
    @classmethod
    def _absolute(cls, path: Path | None) -> Path | None:
        return None if path is None else Path(os.path.expanduser(path)).absolute()

    @property
    def cache(self) -> Path:
        """The folder for what is made again when it is missing; the user may empty it at any time."""
        return user_cache_path(APP)

    @property
    def corpus_is_own(self) -> bool:
        """Whether the corpus is the folder in the user's data, which the program may make."""
        return self.corpus == _own_corpus()

    @property
    def library_path(self) -> Path:
        """`library` where it is set; else a folder of this corpus's own, so that two corpora never mix."""
        if self.library is not None:
            return self.library
        digest = sha256(str(self.corpus).encode()).hexdigest()[:12]
        return user_data_path(APP) / "libraries" / f"{self.corpus.name}-{digest}"

    @property
    def conversations_path(self) -> Path:
        """Where the page keeps conversations: beside the library, which may be thrown away."""
        return self.library_path.with_name(f"{self.library_path.name}-conversations")

    @property
    def gold_path(self) -> Path | None:
        """`gold` where it is set; else ./eval/gold.jsonl, where it exists."""
        here = Path("eval/gold.jsonl")
        return self.gold or (here.absolute() if here.is_file() else None)

    @property
    def evaluation_path(self) -> Path:
        """Where the page keeps runs and users' own gold files: beside the library, which may be thrown away."""
        return self.library_path.with_name(f"{self.library_path.name}-evaluation")


def load_settings(flags: Mapping[str, Any] | None = None) -> Settings:
    """Read file and environment and lay `flags` over them; a flag that is None was not given.

    Raises SettingsError for an unknown key or a value that cannot be used, naming where it came from.
    """
    given = {key: value for key, value in (flags or {}).items() if value is not None}
    known = Settings.model_fields
    for variable in os.environ:
        key = variable.removeprefix(PREFIX).lower()
        if variable.startswith(PREFIX) and key != "config" and key not in known:
            raise SettingsError(f"Unknown setting in the environment: {variable}. Known: {_names(known)}.")
    from_file = _read_file()
    unset = {key: value for key, value in from_file.items() if not os.environ.get(f"{PREFIX}{key}".upper())}
    try:
        return Settings(**{**unset, **given})
    except ValidationError as error:
        first = error.errors()[0]
        key = str(first["loc"][0]) if first["loc"] else "settings"
        hint = f" Known: {_names(known)}." if first["type"] == "extra_forbidden" else ""
        raise SettingsError(f"The setting {key!r} cannot be used: {first['msg']}.{hint}") from error


def _names(known: Mapping[str, Any]) -> str:
    return ", ".join(sorted(known))


def _read_file() -> dict[str, Any]:
    named = os.environ.get(f"{PREFIX}CONFIG")
    path = Path(os.path.expanduser(named)) if named else user_config_path(APP) / "config.toml"
    if not named and not path.is_file():
        return {}
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise SettingsError(f"The settings file {path} cannot be read: {error.strerror}.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"The settings file {path} is not valid TOML: {error}.") from error
