"""Who says what: from "he argued" and "the minister warns" to a name, on texts made up for these tests."""

from __future__ import annotations

import pytest

from coalition_qa.speakers import Speakers, asks_for_speaker, quotations, statement_of
from coalition_qa.types import Span

TEXT = """The harbour will close in May, said the Mayor, Ada Lindqvist, on Monday. “We have no choice. The pier is
rotten,” she added.

Her deputy, Otto Berg, disagreed. “Nobody asked the fishermen. They will lose a year ”, he warned in the evening.

“The money is there,” insists the deputy. The port's engineer Maria Dolores de Cospedal told reporters that the repairs
need nine months. “I never saw Otto Berg on the pier,” Lindqvist replied.

The fish market opened in 1932. It has forty stalls."""


def sentence(part: str) -> Span:
    start = TEXT.index(part)
    return Span(start, start + len(part))


@pytest.mark.parametrize(
    ("said", "speaker"),
    [
        ("The harbour will close in May, said the Mayor, Ada Lindqvist, on Monday.", "Ada Lindqvist"),
        ("“We have no choice.", "Ada Lindqvist"),
        ("The pier is\nrotten,” she added.", "Ada Lindqvist"),
        ("“Nobody asked the fishermen.", "Otto Berg"),
        ("They will lose a year ”, he warned in the evening.", "Otto Berg"),
        ("“The money is there,” insists the deputy.", "Otto Berg"),
        (
            "The port's engineer Maria Dolores de Cospedal told reporters that the repairs\nneed nine months.",
            "Cospedal",
        ),
        ("“I never saw Otto Berg on the pier,” Lindqvist replied.", "Lindqvist"),
    ],
)
def test_a_sentence_has_the_speaker_that_the_text_gives_it(said: str, speaker: str) -> None:
    found = Speakers(TEXT).of(sentence(said))
    assert found is not None
    assert found.of(TEXT).endswith(speaker)


WORRIED = """Ada Lindqvist, the mayor, said on Monday that the harbour will close. Acme Fish was silent.

On Little Vard, Peder Quill has a different worry. “A fish does not wait,” he said.

Ottilie Brandner, who lives there with Carl Maria Kessel, had expected worse. "I wear one pullover now," she says.

New Harbour and Old Harbour will close. “They are rotten,” he said."""


@pytest.mark.parametrize(
    ("said", "speaker"),
    [
        ("“A fish does not wait,” he said.", "Peder Quill"),  # the only one whom the paragraph names in full
        ('"I wear one pullover now," she says.', None),  # she, or somebody named since
        ("“They are rotten,” he said.", None),
    ],
)
def test_he_is_somebody_only_where_nobody_else_may_be_meant(said: str, speaker: str | None) -> None:
    start = WORRIED.index(said)
    found = Speakers(WORRIED).of(Span(start, start + len(said)))
    assert (found and found.of(WORRIED)) == speaker


def test_no_pronoun_is_a_name_though_it_begins_a_sentence() -> None:
    text = 'Peder Quill has a worry. He says that he will sell. "A fish does not wait," he said.'
    found = Speakers(text).of(Span(text.index('"'), len(text)))
    assert found is not None
    assert found.of(text) == "Peder Quill"


def test_whom_the_text_tells_of_with_who_is_a_person() -> None:
    text = 'Ottilie Brandner, who lives in the parsonage, had expected worse. "I wear one pullover now," she says.'
    found = Speakers(text).of(Span(text.index('"'), len(text)))
    assert found is not None
    assert found.of(text) == "Ottilie Brandner"


@pytest.mark.parametrize("said", ["The fish market opened in 1932.", "It has forty stalls."])
def test_what_nobody_says_has_no_speaker(said: str) -> None:
    assert Speakers(TEXT).of(sentence(said)) is None


@pytest.mark.parametrize(
    ("question", "person"),
    [
        ("What did Otto Berg warn of?", "Berg"),
        ("what did lindqvist say about the pier", "Lindqvist"),
        ("According to Ada Lindqvist, why does it close?", "Lindqvist"),
        ("What is Berg's opinion of the plan?", "Berg"),
        ("What did the deputy say?", "Berg"),
        ("What did the Pope say?", ""),
        ("When was the market opened?", ""),
        ("Who is Otto Berg?", ""),
    ],
)
def test_a_question_asks_for_the_saying_of_a_person_the_text_names(question: str, person: str) -> None:
    found = Speakers(TEXT).asked_of(question)
    assert found.endswith(person) if person else not found


def test_it_is_known_what_a_person_says_and_what_another_does() -> None:
    speakers = Speakers(TEXT)
    assert speakers.says("Otto Berg", sentence("“Nobody asked the fishermen.")) is True
    assert speakers.says("Ada Lindqvist", sentence("“Nobody asked the fishermen.")) is False
    assert speakers.says("Ada Lindqvist", sentence("It has forty stalls.")) is None


@pytest.mark.parametrize(
    "question",
    [
        "Who said that the pier is rotten?",
        "who warned of a lost year",
        "Which official insists that the money is there?",
        "Who is quoted as saying that nobody asked?",
        "According to whom do the repairs need nine months?",
    ],
)
def test_a_question_for_a_speaker_is_known(question: str) -> None:
    assert asks_for_speaker(question)


@pytest.mark.parametrize(
    "question",
    [
        "Who is the mayor?",
        "Who did Berg warn?",
        "What did she say about the pier?",
        "What was said about the fish market?",
        "Who painted the harbour?",
        "Which minister resigned?",
    ],
)
def test_another_question_is_not_taken_for_one(question: str) -> None:
    assert not asks_for_speaker(question)


def test_a_quotation_ends_with_its_paragraph_at_the_latest() -> None:
    text = 'He said “one. Two.\n"Three" and «four» five.'
    assert [span.of(text) for span in quotations(text)] == ["“one. Two.", '"Three"', "«four»"]


@pytest.mark.parametrize("text", ["", "\n\n", "“", "said", "Said Said said Said.", '"' * 500, "A " * 2_000])
def test_any_text_can_be_looked_at(text: str) -> None:
    speakers = Speakers(text)
    assert speakers.of(Span(0, len(text))) is None or len(text) > 5
    assert speakers.asked_of("What did Ada say?") == ""


@pytest.mark.parametrize(
    "question",
    [
        "Who is the judge?",
        "Who was the judge in the trial?",
        "Who is the point of contact?",
        "Who won the state championship?",
        "Who can I ask about refunds?",
        "Who filed the claim?",
        "Who was told to leave?",
    ],
)
def test_a_noun_that_looks_like_a_verb_of_saying_asks_for_no_speaker(question: str) -> None:
    assert not asks_for_speaker(question)


def spoken(text: str, part: str) -> str | None:
    """Who says the sentence that begins with `part`."""
    start = text.index(part)
    end = text.find(".", start) + 1
    found = Speakers(text).of(Span(start, end))
    return found.of(text) if found else None


def test_the_state_is_no_he_who_states() -> None:
    text = "Carla Rossi said talks would go on.\n\nIn the state of Texas, Anna Berg warned that floods would come."
    assert spoken(text, "In the state") == "Anna Berg"


@pytest.mark.parametrize("text", ["It suggests that prices rise.", "People say it is dear.", "We think so."])
def test_words_that_only_stand_where_a_name_would_name_nobody(text: str) -> None:
    assert spoken(text, text) is None


def test_single_quotation_marks_quote_too() -> None:
    text = "Carla Rossi said the talks failed.\n\n‘We believe it’s good, and Rossi’s too,’ said Anna Berg."
    assert [span.of(text) for span in quotations(text)] == ["‘We believe it’s good, and Rossi’s too,’"]
    assert spoken(text, "‘We believe") == "Anna Berg"
    assert quotations("The ’90s were ‘good’ for the Bergs’ mill.") == []


def test_two_of_one_surname_are_told_apart_by_their_first_names() -> None:
    text = "John Smith said taxes must rise. Ann Smith said taxes must fall. Smith said no more."
    speakers = Speakers(text)
    john, ann, either = (Span(a, b) for a, b in ((0, 32), (33, 64), (65, len(text))))
    assert speakers.asked_of("What did John Smith say about taxes?") == "John Smith"
    assert [speakers.says("John Smith", one) for one in (john, ann, either)] == [True, False, True]


def speaker(text: str, said: str) -> str | None:
    """Who says it, as the text names them."""
    start = text.index(said)
    found = Speakers(text).of(Span(start, start + len(said)))
    return found and found.of(text)


@pytest.mark.parametrize(
    ("text", "said", "name"),
    [
        (
            'Ada Berg shrugged. "It is dark. It leaks." The chair observed rain.',
            '"It is dark.',
            "Ada Berg",
        ),
        (
            'Ada Berg runs a bakery and is angry. "I let two go."\n\n"They never asked."',
            '"They never asked."',
            "Ada Berg",
        ),
        ('"I hate it," said Ada Berg.\n\n"Why so?"', '"Why so?"', None),  # people talking in turn
        ('"I hate it," said Ada Berg. Otto Dahl and Eva Lund were there. "Why so?"', '"Why so?"', None),
        ("Ada Berg, the mayor, promised that it would stay open.", "Ada Berg, the mayor, promised that it", "Ada Berg"),
        ("The head of roads, Ada Berg, admitted it.", "The head of roads, Ada Berg, admitted it.", "Ada Berg"),
        ("Present: the mayor, Ada Berg. The mayor did not agree. She reminded them.", "She reminded them.", "Ada Berg"),
        ("Otto Dahl left. The mayor did not agree. She reminded them.", "She reminded them.", "The mayor"),
        ("The traders met. Traders said that it was late.", "Traders said that it was late.", None),
        ("They met Berg. Berg said that it was late.", "Berg said that it was late.", "Berg"),
    ],
)
def test_a_speaker_is_found_where_writers_leave_it(text: str, said: str, name: str | None) -> None:
    assert speaker(text, said) == name


def test_a_title_stands_for_the_speaker_after_the_name() -> None:
    text = "Present: the treasurer, Hugh Pemberley. The treasurer insisted that it was dear."
    said = Span(text.index("The treasurer ins"), len(text))
    assert [name.of(text) for name in Speakers(text).named(said)] == ["Hugh Pemberley", "The treasurer"]


@pytest.mark.parametrize(
    ("person", "says"),
    [("González Laya", True), ("Arancha González Laya", True), ("Laya", True), ("Pedro Laya", False), ("Berg", False)],
)
def test_parts_of_a_name_are_the_person(person: str, says: bool) -> None:
    text = "Arancha González Laya said that it was late."
    assert Speakers(text).says(person, Span(0, len(text))) is says


def test_a_pronoun_that_nothing_was_put_for_is_looked_for_in_all_of_the_question() -> None:
    text = "Ada Berg said that it was late. Otto Dahl said that it was not."
    assert Speakers(text).asked_of("What did she say about it? (Ada Berg)") == "Ada Berg"
    assert Speakers(text).asked_of("What did Otto Dahl say about it?") == "Otto Dahl"


@pytest.mark.parametrize(
    ("question", "stated"),
    [
        ("Who said that the pier is rotten?", " that the pier is rotten?"),
        ("Which councillor warned of floods?", " of floods?"),
        ("Who is quoted as saying that it rains?", " that it rains?"),
        ("Who conceded it?", " it?"),
    ],
)
def test_what_is_said_is_the_question_without_the_asking(question: str, stated: str) -> None:
    assert asks_for_speaker(question)
    assert statement_of(question) == stated


@pytest.mark.parametrize("thing", ["document", "letter", "chapter", "agreement", "newspaper", "department"])
def test_which_thing_says_something_asks_for_no_person(thing: str) -> None:
    assert not asks_for_speaker(f"Which {thing} says that pets are allowed?")
    assert asks_for_speaker("Which council member says that pets are allowed?")
