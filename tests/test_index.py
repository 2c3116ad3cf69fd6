"""Chroma as an index that is used only when it provably holds what the store holds: in a folder and, where a test takes
`either`, in a server too.
"""

from __future__ import annotations

import fcntl
import itertools
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from coalition_qa.index import ChromaIndex
from coalition_qa.nearest import exact_search
from coalition_qa.server_index import ServerIndex

if TYPE_CHECKING:
    from tests.conftest import Place

    from coalition_qa.encoders import Vectors

COUNT = 40
FILL = """
import sys
from pathlib import Path
import numpy as np
from coalition_qa.index import ChromaIndex
index = ChromaIndex(Path(sys.argv[1]))
print(index.fill(["a", "b"], np.eye(2, 8, dtype=np.float32), "filled elsewhere"))
"""


def unit_rows(count: int, seed: int = 0) -> Vectors:
    rows = np.random.default_rng(seed).normal(size=(count, 8)).astype(np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


IDS = [f"id{n:03}" for n in range(COUNT)]
ROWS = unit_rows(COUNT)


def marker(folder: Path) -> Path:
    return folder / "READY.json"


def largest_file(folder: Path) -> Path:
    return max(folder.glob("chroma-*/**/*.*"), key=lambda path: path.stat().st_size)


@pytest.fixture
def index(tmp_path: Path) -> Iterator[ChromaIndex]:
    """An index with forty vectors, of generation "one"."""
    made = ChromaIndex(tmp_path)
    assert made.fill(IDS, ROWS, "one")
    yield made
    made.close()


@pytest.fixture(params=["folder", "server"])
def either(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[ChromaIndex | ServerIndex]:
    """An empty index, in a folder and then in a server."""
    made = ChromaIndex(tmp_path)
    if request.param == "server":
        made = ServerIndex(request.getfixturevalue("chroma_server"), os.urandom(8).hex(), tmp_path)
    yield made
    made.close()


@pytest.fixture
def filled(either: ChromaIndex | ServerIndex) -> ChromaIndex | ServerIndex:
    """With forty vectors, of generation "one"."""
    assert either.fill(IDS, ROWS, "one")
    return either


def test_it_finds_what_exact_search_finds(filled: ChromaIndex | ServerIndex) -> None:
    for query in unit_rows(10, seed=1):
        found = filled.search(query, 5)
        exact = exact_search(IDS, ROWS, query, 5)
        assert found is not None
        assert [id_ for id_, _ in found] == [id_ for id_, _ in exact]
        assert [score for _, score in found] == pytest.approx([score for _, score in exact], abs=1e-5)


def test_filling_again_adds_what_is_missing_and_takes_away_what_is_gone(filled: ChromaIndex | ServerIndex) -> None:
    more = unit_rows(3, seed=2)
    assert filled.fill([*IDS[5:], "new0", "new1", "new2"], np.concatenate([ROWS[5:], more]), "two")
    assert filled.generation() == "two"
    assert filled.ids() == {*IDS[5:], "new0", "new1", "new2"}
    found = filled.search(more[1], 100)
    assert found is not None
    assert found[0][0] == "new1"
    assert len(found) == COUNT - 5 + 3


def test_what_is_opened_and_searched_stays_what_was_marked(filled: ChromaIndex | ServerIndex) -> None:
    left = IDS
    for number, gone in enumerate((1, 5, 20, 13)):
        assert filled.update(left[:gone], [f"new{number}"], unit_rows(1, seed=number + 10), f"without {gone}")
        left = left[gone:]
        for _ in range(3):
            filled.close()
            assert filled.generation() == f"without {gone}"
            assert filled.ids() == {*left, *(f"new{n}" for n in range(number + 1))}
            assert filled.search(ROWS[3], 3) is not None


def on_disk(folder: Path, rows: Vectors) -> int:
    """How many of these vectors some file holds, to the bit."""
    contents = [path.read_bytes() for path in folder.rglob("*") if path.is_file()]
    return sum(any(row.tobytes() in content for content in contents) for row in rows)


@pytest.mark.parametrize("_", range(8))
def test_of_what_is_taken_away_no_file_holds_the_vector(tmp_path: Path, _: int) -> None:
    """Several times: what Chroma leaves in a file's unused room depends on what the memory held before."""
    signs = itertools.islice(itertools.product((-1, 1), repeat=8), 64)
    length_one = np.array([0.25, 0.25, 0.25, 0.25, 0, 0.5, 0.5, 0.5])  # exactly: Chroma scales it to itself
    rows = (np.array([each[::-1] for each in signs]) * length_one).astype(np.float32)
    rows = np.unique(rows, axis=0)
    ids = [f"id{n:03}" for n in range(len(rows))]
    index = ChromaIndex(tmp_path)
    assert index.fill(ids[:20], rows[:20], "one")
    assert index.update([], ids[20:], rows[20:], "more")
    index.close()
    assert on_disk(tmp_path, rows) == len(rows)
    assert index.update([*ids[:3], ids[25], "never there"], [], rows[:0], "less")
    assert (index.ids(), index.dead) == ({*ids[3:25], *ids[26:]}, 5)
    assert index.update(ids[3:5], ids[:1], rows[:1], "and less")
    assert index.dead == 7
    index.close()
    assert on_disk(tmp_path, np.concatenate([rows[1:5], rows[25:26]])) == 0
    assert on_disk(tmp_path, rows[[0, *range(5, 25), *range(26, len(rows))]]) == len(rows) - 5
    for row in (0, 5, 24, 31):
        assert index.search(rows[row], 1) == [(ids[row], pytest.approx(1.0, abs=1e-5))]
    assert index.fill(ids[5:], rows[5:], "anew")
    assert index.dead == 0
    index.close()
    assert on_disk(tmp_path, rows[:5]) == 0


def test_what_another_version_of_chroma_wrote_is_not_opened(index: ChromaIndex, tmp_path: Path) -> None:
    index.close()
    written = json.loads(marker(tmp_path).read_text())
    marker(tmp_path).write_text(json.dumps({**written, "chroma": "1.0.0"}))
    assert index.generation() is None
    assert index.search(ROWS[3], 1) is None
    assert index.fill(IDS, ROWS, "two")
    assert index.generation() == "two"


def test_an_empty_index_finds_nothing(either: ChromaIndex | ServerIndex) -> None:
    assert either.fill([], np.zeros((0, 8), np.float32), "none")
    assert either.generation() == "none"
    assert either.search(ROWS[0], 5) == []


def test_one_that_was_never_filled_is_not_asked(either: ChromaIndex | ServerIndex) -> None:
    assert either.generation() is None
    assert either.search(ROWS[0], 5) is None
    assert either.ids() is None
    assert not either.update([], IDS, ROWS, "one")
    assert either.fault() == ""
    assert either.leftovers() == []
    either.distrust()


def test_one_that_is_distrusted_is_made_anew(filled: ChromaIndex | ServerIndex) -> None:
    filled.distrust()
    assert filled.generation() is None
    assert filled.search(ROWS[3], 1) is None
    assert filled.fill(IDS, -ROWS, "two")  # other vectors under the same ids, as from another encoder
    assert filled.search(-ROWS[3], 1) == [("id003", pytest.approx(1.0, abs=1e-5))]


def test_one_whose_filling_was_cut_off_is_not_asked(filled: ChromaIndex | ServerIndex) -> None:
    def batches() -> Iterator[tuple[list[str], Vectors]]:
        yield IDS[:5], ROWS[:5]
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        filled.refill(batches(), COUNT, "two")
    assert filled.generation() is None
    assert filled.search(ROWS[3], 1) is None
    assert filled.fill(IDS, ROWS, "two")
    assert filled.ids() == set(IDS)


def test_two_do_not_fill_it_at_once(filled: ChromaIndex | ServerIndex, tmp_path: Path) -> None:
    filled.close()
    with (tmp_path / "lock").open("a") as filling:
        fcntl.flock(filling, fcntl.LOCK_EX)
        assert not filled.fill(IDS[:1], ROWS[:1], "two")
        assert not filled.update(IDS[:1], [], ROWS[:0], "two")
    assert filled.generation() == "one"
    assert filled.search(ROWS[3], 1) == [("id003", pytest.approx(1.0, abs=1e-5))]


def test_an_index_that_was_never_filled_is_not_asked(tmp_path: Path) -> None:
    index = ChromaIndex(tmp_path / "nowhere")
    assert index.generation() is None
    assert index.search(ROWS[0], 5) is None
    assert index.ids() is None
    index.distrust()
    index.close()
    assert not (tmp_path / "nowhere").exists()


@pytest.mark.parametrize("content", ["", "{", "[]", "null", '{"generation": 7}', '{"generation": "x", "folder": 3}'])
def test_a_marker_that_is_not_one_proves_nothing(index: ChromaIndex, tmp_path: Path, content: str) -> None:
    marker(tmp_path).write_text(content)
    assert index.generation() is None
    assert index.search(ROWS[0], 5) is None
    assert index.fill(IDS, ROWS, "two")
    assert index.search(ROWS[3], 1) == [("id003", pytest.approx(1.0, abs=1e-5))]


@pytest.mark.parametrize("damage", ["halved", "emptied", "removed", "a file more"])
def test_files_of_another_length_than_the_marker_says_are_not_opened(
    index: ChromaIndex, tmp_path: Path, damage: str
) -> None:
    index.close()
    victim = largest_file(tmp_path)
    if damage == "a file more":
        victim.with_name("more").touch()
    elif damage == "removed":
        victim.unlink()
    else:
        victim.write_bytes(victim.read_bytes()[: 0 if damage == "emptied" else victim.stat().st_size // 2])
    assert index.generation() is None
    assert index.search(ROWS[0], 5) is None
    assert index.fill(IDS, ROWS, "two")
    assert index.search(ROWS[3], 1) == [("id003", pytest.approx(1.0, abs=1e-5))]
    assert len(list(tmp_path.glob("chroma-*"))) == 1


def test_what_chroma_cannot_open_is_distrusted_and_made_anew(index: ChromaIndex, tmp_path: Path) -> None:
    index.close()
    victim = next(tmp_path.glob("chroma-*/chroma.sqlite3"))
    victim.write_bytes(b"x" * victim.stat().st_size)
    assert index.generation() == "one"
    assert index.ids() is None
    assert index.search(ROWS[0], 5) is None
    assert index.generation() is None
    assert index.fill(IDS, ROWS, "two")
    assert index.ids() == set(IDS)


def test_a_distrusted_index_is_filled_from_nothing(index: ChromaIndex, tmp_path: Path) -> None:
    before = set(tmp_path.glob("chroma-*"))
    index.distrust()
    assert index.generation() is None
    assert index.fill(IDS, -ROWS, "two")  # other vectors under the same ids, as from another encoder
    assert before.isdisjoint(tmp_path.glob("chroma-*"))
    assert index.search(-ROWS[3], 1) == [("id003", pytest.approx(1.0, abs=1e-5))]


def test_it_is_not_asked_while_somebody_fills_it(index: ChromaIndex, tmp_path: Path) -> None:
    index.close()
    with (tmp_path / "lock").open("a") as filling:
        fcntl.flock(filling, fcntl.LOCK_EX)
        assert index.search(ROWS[0], 5) is None
        assert index.ids() is None
        assert not index.fill(IDS, ROWS, "two")
    assert index.generation() == "one"
    assert index.search(ROWS[3], 1) is not None


def test_it_is_not_filled_while_somebody_asks_it(index: ChromaIndex, tmp_path: Path) -> None:
    index.close()
    asking = ChromaIndex(tmp_path)
    assert asking.search(ROWS[3], 1) is not None
    assert not index.fill(IDS[:1], ROWS[:1], "two")
    assert json.loads(marker(tmp_path).read_text())["generation"] == "one"
    assert asking.search(ROWS[3], 1) == [("id003", pytest.approx(1.0, abs=1e-5))]
    asking.close()
    assert index.fill(IDS[:1], ROWS[:1], "two")
    assert index.generation() == "two"


@pytest.mark.parametrize("victim", ["data_level0.bin", "link_lists.bin", "index_metadata.pickle", "chroma.sqlite3"])
def test_a_byte_that_changed_is_noticed_before_anything_is_opened(
    index: ChromaIndex, tmp_path: Path, victim: str
) -> None:
    index.close()
    (path,) = tmp_path.glob(f"chroma-*/**/{victim}")
    content = bytearray(path.read_bytes())
    row = content.find(IDS[3].encode())  # else it might be a byte that nothing is made of
    content[row if row >= 0 else len(content) // 3] ^= 0x55
    path.write_bytes(content)
    assert index.search(ROWS[0], 5) is None
    assert index.generation() is None
    assert index.fill(IDS, ROWS, "two")
    assert index.search(ROWS[3], 1) == [("id003", pytest.approx(1.0, abs=1e-5))]


def test_where_nothing_can_be_written_it_is_not_filled(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    index = ChromaIndex(tmp_path / "file" / "index")
    assert not index.fill(IDS, ROWS, "one")
    assert index.search(ROWS[0], 5) is None


def test_what_another_process_filled_is_seen(place: Place) -> None:
    folder = place.folder / "index"
    first = ChromaIndex(folder)
    assert first.fill(["a"], np.eye(1, 8, dtype=np.float32), "filled here")
    first.close()
    outcome = place.process("-c", FILL, folder)
    assert (outcome.code, outcome.out) == (0, "True\n"), outcome.err
    assert first.generation() == "filled elsewhere"
    assert first.search(np.eye(2, 8, dtype=np.float32)[1], 1) == [("b", pytest.approx(1.0))]
    first.close()


def test_who_could_not_fill_it_lets_it_go_so_that_others_can(place: Place) -> None:
    folder = place.folder / "index"
    first, second = ChromaIndex(folder), ChromaIndex(folder)
    assert first.fill(["a"], np.eye(1, 8, dtype=np.float32), "filled here")
    assert second.search(np.eye(1, 8, dtype=np.float32)[0], 1) is not None
    assert not first.fill([], np.zeros((0, 8), np.float32), "refused")
    second.close()
    outcome = place.process("-c", FILL, folder)
    assert (outcome.code, outcome.out) == (0, "True\n"), outcome.err
    assert first.search(np.eye(2, 8, dtype=np.float32)[1], 1) == [("b", pytest.approx(1.0))]
    first.close()
