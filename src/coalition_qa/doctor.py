"""Is everything as it should be? Named checks on models, corpus, library and index; and what mends what they find."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from coalition_qa.audit import Audit
from coalition_qa.config import SHIPPED, Settings
from coalition_qa.encoders import MODELS, READERS, Encoder, Vectors, open_encoder, read_model_card
from coalition_qa.filling import bring_in_line, open_index
from coalition_qa.folder import clear_leftovers, leftovers, only_writer, recover
from coalition_qa.ingest import rebuild
from coalition_qa.library import same_encoder
from coalition_qa.nearest import Index, exact_search
from coalition_qa.types import CoalitionQAError, LibraryError

_NOT_THE_LIBRARY = ("model", "corpus", "Chroma server")  # checks whose faults no rebuilding mends
_CANARIES = 20
_LEAST_COSINE = 0.99  # of a text encoded again with its stored vector: processors differ in the last digits
_LEAST_RECALL = 0.9  # of the true ten nearest, over the canaries; measured: above .99


class Check(NamedTuple):
    """What was looked at, and what is wrong with it: empty where nothing is."""

    name: str
    fault: str


def examine(settings: Settings, encoder: Encoder | None = None) -> list[Check]:
    """Look at everything, changing nothing. `encoder` is the one that the settings name, where it is open already."""
    made, checks = _models(settings, encoder)
    checks.append(Check("corpus folder", "" if settings.corpus.is_dir() else "is missing"))
    recover(settings.library_path)
    try:
        audit = Audit(settings.library_path, create=False)
    except LibraryError as error:
        return [*checks, Check("library opens", str(error))]
    index = open_index(audit, settings.library_path, settings.chroma_url)
    try:
        checks += [Check(*each) for each in audit.faults()]
        if not any(fault for _, fault in checks[-7:]):
            checks += [*_encoder(audit, made), *_index(audit, index)]
        stale = [*leftovers(settings.library_path), *index.leftovers()]
    finally:
        index.close()
        audit.close()
    checks.append(Check("no stale files", f"{stale[0].name} and {len(stale) - 1} more" if stale else ""))
    return checks


def repair(settings: Settings, encoder: Encoder) -> list[Check]:
    """Mend what can be: stale files, full text and index in place, a damaged store anew from the corpus folder.

    The checks afterwards. Raises LibraryBusy while another process writes, DocumentError without a corpus folder.
    """
    folder = settings.library_path
    try:
        with only_writer(folder):
            clear_leftovers(folder)
            _mend(settings)
    except LibraryError:
        rebuild(settings, encoder)
        return examine(settings, encoder)
    checks = examine(settings, encoder)
    if any(check.fault and not check.name.startswith(_NOT_THE_LIBRARY) for check in checks):
        rebuild(settings, encoder)
        checks = examine(settings, encoder)
    return checks


def _mend(settings: Settings) -> None:
    audit = Audit(settings.library_path, create=False)
    index = open_index(audit, settings.library_path, settings.chroma_url)
    try:
        audit.mend()
        index.distrust()
        bring_in_line(audit, index, settings.library_path)
    finally:
        index.close()
        audit.close()


def _models(settings: Settings, encoder: Encoder | None) -> tuple[Encoder | None, list[Check]]:
    fault = ""
    try:
        encoder = encoder or open_encoder(settings)
        if settings.reader == SHIPPED:
            for name in READERS:
                read_model_card(MODELS / name)
    except CoalitionQAError as error:
        fault = str(error)
    return encoder, [Check("models have their hash", fault)]


def _encoder(audit: Audit, encoder: Encoder | None) -> list[Check]:
    """Whether this encoder made the vectors: by its bytes, and by encoding some passages again."""
    made_with = audit.meta("encoder") or ""
    if encoder is None or not same_encoder(made_with, encoder.identity):
        other = encoder.identity if encoder else "none"
        return [Check("vectors are the encoder's", f"made with {made_with}, now it is {other}: sync --rebuild")]
    ids, vectors = _canaries(audit)
    texts = [audit.found([id_])[id_].passage.text for id_ in ids]
    cosines = (encoder.encode(texts) * vectors).sum(axis=1)
    off = int((cosines < _LEAST_COSINE).sum())
    return [Check("vectors are the encoder's", f"{off} of {len(ids)} texts encode to others" if off else "")]


def _index(audit: Audit, index: Index) -> list[Check]:
    """Whether Chroma provably holds what the store holds, and finds what an exact search finds."""
    if fault := index.fault():
        return [Check("Chroma server", f"{fault}: searches are exact until it does")]
    base = index.generation()
    changes = None if base is None else audit.changes_since(base)
    held = None if changes is None else index.ids()
    if changes is None or held is None:
        return [Check("index proven", "searches are exact until the next sync")]
    came, gone = ({id_ for id_, there in changes.items() if there is wanted} for wanted in (True, False))
    ids, matrix = audit.vectors()
    differ = (held - gone | came) ^ set(ids)
    recall = _recall(ids, matrix, _canaries(audit)[1], index) if not differ and not changes else 1.0
    return [
        Check("index proven", ""),
        Check("index holds the same passages", f"{len(differ)} differ" if differ else ""),
        Check("index finds what is nearest", f"recall {recall:.2f}" if recall < _LEAST_RECALL else ""),
    ]


def _canaries(audit: Audit) -> tuple[list[str], Vectors]:
    ids = audit.passage_ids()
    return audit.vectors(ids[:: max(1, len(ids) // _CANARIES)][:_CANARIES])


def _recall(ids: list[str], matrix: Vectors, questions: Vectors, index: Index) -> float:
    shares = []
    for question in questions:
        nearest = exact_search(ids, matrix, question, 10)
        found = index.search(question, 10) or []
        worst = nearest[-1][1] - 1e-5  # what is as near as the tenth is right too
        shares.append(sum(score >= worst for _, score in found) / len(nearest))
    return float(np.mean(shares)) if shares else 1.0
