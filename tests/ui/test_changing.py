"""Documents going in and out: what is shown of each file, and what is proven of one that went."""

from __future__ import annotations

from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING

import pytest

from coalition_qa.types import Document, LibraryBusy
from coalition_qa.ui.changing import progress, removed
from coalition_qa.ui.html import escaped
from coalition_qa.ui.shelf import MOST_FILES, Desk

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.ui.conftest import FakeAssistant

    from coalition_qa.ui import Behind

OWLS = "Owls hunt mice at night."


@pytest.fixture
def desk(fake: FakeAssistant, stand: Callable[..., Behind], tmp_path: Path) -> Desk:
    """The desk of an assistant over two documents; its corpus folder is empty."""
    return Desk(stand(fake), tmp_path / "corpus")


def upload(tmp_path: Path, *names: str, text: str = OWLS) -> list[str]:
    folder = tmp_path / "uploaded"
    folder.mkdir(exist_ok=True)
    for name in names:
        (folder / name).write_text(text, "utf-8")
    return [str(folder / name) for name in names]


def test_each_file_shows_what_became_of_it(desk: Desk, fake: FakeAssistant, tmp_path: Path) -> None:
    files = upload(tmp_path, "owls.txt", "bad.txt")
    shown = [html for html, _ in desk.take(files)]
    assert "Looking through 2 files" in shown[0]
    assert "0 of 2 files" in shown[1]
    assert shown[1].count('class="waiting"') == 2
    assert "<b>Added</b> owls&#46;txt</li>" in shown[-1]
    assert "<b>Not added</b> bad&#46;txt" in shown[-1]
    assert "there is no text in it" in shown[-1]
    assert "owls.txt" in {one.name for one in fake.shelf}
    assert not any(Path(file).exists() for file in files), "nothing is left of an upload"


def test_a_file_is_shown_as_soon_as_it_is_done() -> None:
    from tests.ui.conftest import FakeStep

    going_on = Event()

    def work(done: Callable[[FakeStep], None]) -> list[FakeStep]:
        done(FakeStep("new", "a.txt"))
        assert going_on.wait(10)
        return [FakeStep("new", "a.txt"), FakeStep("new", "b.txt")]

    shown = progress(work, ["a.txt", "b.txt"])
    next(shown)
    assert "1 of 2 files" in next(shown)
    going_on.set()
    *_, last = shown
    assert "2 files" in last


def test_what_would_replace_a_document_waits_for_a_word(desk: Desk, fake: FakeAssistant, tmp_path: Path) -> None:
    before = fake.document("rome.txt")
    *_, (html, clashing) = desk.take([*upload(tmp_path, "rome.txt"), *upload(tmp_path, "owls.txt", text="Owls.")])
    assert "1 file to look at first" in html
    assert "<b>Replaces</b> rome" in html
    assert "<b>Added</b> owls" in html
    assert fake.document("rome.txt") == before
    assert list(desk.settle(clashing, "leave")) == [("", ())]
    assert fake.document("rome.txt") == before
    assert not any(file.exists() for file in clashing)
    *_, (_, clashing) = desk.take(upload(tmp_path, "rome.txt"))
    *_, (html, waiting) = desk.settle(clashing, "take")
    assert "<b>Replaced</b> rome" in html
    assert waiting == ()
    assert fake.document("rome.txt") != before


def test_a_text_that_is_there_already_is_pointed_out_first(desk: Desk, fake: FakeAssistant, tmp_path: Path) -> None:
    *_, (html, waiting) = desk.take(upload(tmp_path, "owls.txt", "copy.txt"))
    assert "<b>New</b> copy&#46;txt" in html
    assert "same text as owls&#46;txt" in html
    assert [file.name for file in waiting] == ["copy.txt"]
    assert "copy.txt" not in {one.name for one in fake.shelf}
    *_, (html, _) = desk.settle(waiting, "take")
    assert "copy.txt" in {one.name for one in fake.shelf}


def test_a_folder_whose_plan_takes_something_away_is_looked_at_first(
    fake: FakeAssistant, stand: Callable[..., Behind], tmp_path: Path
) -> None:
    from tests.ui.conftest import FakeChanges, FakeStep

    changes = FakeChanges(fake, folder=[FakeStep("new", "owls.txt")])
    desk = Desk(stand(fake, changes=changes), tmp_path)
    *_, html = desk.sync()
    assert "to look at first" not in html, "adding alone needs no word"
    changes.folder = [FakeStep("removed", "gone.txt"), FakeStep("refused", "rome.txt", "rome.txt: it is damaged.")]
    *_, html = desk.sync()
    assert "<b>To go</b> gone&#46;txt" in html
    assert "<b>Not read</b> rome&#46;txt" in html
    assert 'data-do="sync"' in html
    *_, (html, _) = desk.settle((), "sync")
    assert "2 files" in html


def test_too_many_files_at_once_are_refused(desk: Desk, fake: FakeAssistant) -> None:
    ((html, _),) = desk.take([f"/nowhere/{number}.txt" for number in range(MOST_FILES + 1)])
    assert f"At most {MOST_FILES} files" in html
    assert len(fake.shelf) == 2


def test_a_removed_document_is_looked_for_everywhere(
    desk: Desk, fake: FakeAssistant, assistant_over: Callable[..., FakeAssistant]
) -> None:
    passage = fake.shelf[0].text[: fake.spans("rome.txt")[0].end]
    fake.script[passage] = assistant_over(fake.shelf[1]).abstains("Gone?", "Nothing.", "Before.")
    html = desk.remove("rome.txt")
    assert "is removed" in html
    assert 'class="notice done"' in html
    assert html.count("<li>not ") == 4
    assert escaped("2 passages; not in <the> index any more") in html
    assert "There is no document rome&#46;txt" in desk.remove("rome.txt")


def test_a_document_that_is_still_found_is_not_called_removed(
    fake: FakeAssistant, stand: Callable[..., Behind], tmp_path: Path
) -> None:
    class Forgetful:
        def remove(self, names: list[str]) -> list[object]:
            return []

    passage = fake.shelf[0].text[: fake.spans("rome.txt")[0].end]
    fake.script[passage] = fake.answers("left", "The coalition met on Monday in Rome.")
    (tmp_path / "rome.txt").write_text("still here")
    html = removed(fake, Forgetful(), tmp_path, "rome.txt")
    assert "could not be removed everywhere" in html
    assert html.count('<li class="still">still ') == 4
    assert 'class="notice error"' in html


def test_the_text_of_a_copy_stays(desk: Desk, fake: FakeAssistant) -> None:
    rome = fake.shelf[0]
    fake.shelf = [*fake.shelf, Document("again.txt", rome.text)]
    assert "Its text stays under the name again&#46;txt" in desk.remove("rome.txt")


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (LibraryBusy("The library is being changed by process 7: wait for it."), "being changed by process 7"),
        (RuntimeError("secret"), "Something went wrong; nothing was lost"),
    ],
)
def test_an_error_is_a_card(
    fake: FakeAssistant, stand: Callable[..., Behind], tmp_path: Path, error: Exception, said: str
) -> None:
    from tests.ui.conftest import FakeChanges

    busy = Desk(stand(fake, changes=FakeChanges(fake, error)), tmp_path)
    *_, (added, _) = busy.take(upload(tmp_path, "owls.txt"))
    *_, synced = busy.sync()
    for html in (added, synced):
        assert said.replace(".", "&#46;") in html.replace("&#46;", ".").replace(".", "&#46;")
        assert "secret" not in html


def test_only_documents_that_are_there_can_be_chosen(desk: Desk) -> None:
    assert desk.choose(["rome.txt", "nowhere.txt", 3, None]) == ("rome.txt",)


def test_a_hidden_file_or_a_second_of_one_name_does_not_stop_the_rest(desk: Desk, tmp_path: Path) -> None:
    files = upload(tmp_path, "owls.txt", "._owls.txt")
    (tmp_path / "uploaded" / "more").mkdir()
    again = tmp_path / "uploaded" / "more" / "OWLS.txt"
    again.write_text(OWLS, "utf-8")
    *_, (html, waiting) = desk.take([*files, str(again)])
    assert "<b>Added</b> owls&#46;txt" in html
    assert "hidden files are left out" in html
    assert "two files of that name" in html
    assert not waiting
    assert not any(Path(file).exists() for file in (*files, again))
