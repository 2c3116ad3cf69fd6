"""Follow-ups get what they leave unsaid; every other question is left as it is."""

from __future__ import annotations

import pytest

from coalition_qa.conversation import parts, standalone
from coalition_qa.types import Turn

WHERE = "Where did the coalition meet?"
WHO = "Who is Arancha González Laya?"
CHAIR = "Who chaired the meeting?"
ANSWER = "The meeting, chaired by the Italian Foreign Minister, Luigi Di Maio, welcomed about twenty ministers."


@pytest.mark.parametrize(
    ("last", "question", "expected"),
    [
        # only makes sense after the last question
        (WHERE, "Why?", f"{WHERE} Why?"),
        (WHERE, "Since when?", f"{WHERE} Since when?"),
        (WHERE, "How so?", f"{WHERE} How so?"),
        (WHERE, "Tell me more.", f"{WHERE} Tell me more."),
        (WHERE, "Which countries?", f"{WHERE} Which countries?"),
        (WHERE, "How many?", f"{WHERE} How many?"),
        (WHERE, "In Africa?", f"{WHERE} In Africa?"),
        (WHERE, "What about Spain?", f"{WHERE} What about Spain?"),
        (WHERE, "and blinken?", f"{WHERE} and blinken?"),
        ("And in Iraq?", "Why?", "And in Iraq? Why?"),
        # refers to somebody or something
        (WHO, "What did she say?", "What did she say? (Arancha González Laya)"),
        (WHO, "what is her view of the Sahel?", "what is her view of the Sahel? (Arancha González Laya)"),
        (WHO, "And what does she want?", "And what does she want? (Arancha González Laya)"),
        ("What did Italy propose?", "Does Spain back it?", "Does Spain back it? (Italy propose)"),
        ("What did Italy propose?", "When was that?", "When was that? (Italy propose)"),
        ("Who leads NATO?", "How old is the former?", "How old is the former? (leads NATO)"),
        ("What is the Sahel?", "Who lives there?", "Who lives there? (Sahel)"),
        ("Did Blinken see the Pope?", "At what time was that?", "At what time was that? (Blinken see Pope)"),
        ("Which ministers came?", "Thanks, and who invited them?", "Thanks, and who invited them? (ministers came)"),
        (CHAIR, "And who took part?", "And who took part? (chaired meeting)"),
        (WHERE, "Where can I see that?", "Where can I see that? (coalition meet)"),
        (WHERE, "What happens if it's cancelled?", "What happens if it's cancelled? (coalition meet)"),
        ("Where are the drawings?", "Whom did Grace sell them to?", "Whom did Grace sell them to? (drawings)"),
        # short, about "the" thing spoken of before
        ("Which rock band came?", "Who was the leader?", "Who was the leader? (rock band came)"),
        ("What happened to the ferry?", "Was anybody hurt?", "Was anybody hurt? (happened ferry)"),
        (WHERE, "How long was the meeting?", "How long was the meeting? (coalition)"),
        ("Which whales live here?", "How many are there?", "Which whales live here? How many are there?"),
        # nothing to take over
        ("Who is it?", "Where is she?", "Where is she?"),
    ],
)
def test_a_follow_up_gets_what_it_leaves_unsaid(last: str, question: str, expected: str) -> None:
    assert standalone(question, [Turn(last)]) == expected


@pytest.mark.parametrize(
    ("last", "question", "expected"),
    [
        (WHERE, "And in Iraq?", "Where did the coalition meet in Iraq?"),
        (WHERE, "how about the troops", "Where did the troops meet?"),
        ("What happened in Syria?", "And in Iraq?", "What happened in Iraq?"),
        ("When did the war in Korea end?", "What about in Viet Nam?", "When did the war in Viet Nam end?"),
        ("Where did Italy vote?", "And Spain?", "Where did Spain vote?"),
        ("What did Blinken say about Africa?", "And Di Maio?", "What did Di Maio say about Africa?"),
        ("Who is the foreign minister of Spain?", "What about Italy?", "Who is the foreign minister of Italy?"),
        ("What did it do to the troops?", "And the terrorists?", "What did it do to the terrorists?"),
        ("How many came in 2019?", "And in 2020?", "How many came in 2020?"),
        ("Can I make the drain hose longer?", "And the other hose?", "Can I make the other hose longer?"),
        # no place for it is seen
        (
            "How many did the mill sell in 2019?",
            "And the year before?",
            "How many did the mill sell in 2019? And the year before?",
        ),
        ("How old is she?", "And Otto Berg?", "How old is she? And Otto Berg?"),
        ("What about Spain?", "And now?", "What about Spain? And now?"),
    ],
)
def test_another_thing_is_put_in_the_place_of_its_like(last: str, question: str, expected: str) -> None:
    assert standalone(question, [Turn(last)]) == expected


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ("When did it open, and who paid for it?", ["When did it open", "who paid for it? (open)"]),
        ("Who led the US team and how old was he?", ["Who led the US team", "how old was he? (led US team)"]),
        ("Where and when did the coalition meet?", ["Where and when did the coalition meet?"]),
        ("How long and how wide is the bridge?", ["How long and how wide is the bridge?"]),
        ("What did Ada and Otto find?", ["What did Ada and Otto find?"]),
        ("Who said that war and peace are alike?", ["Who said that war and peace are alike?"]),
    ],
)
def test_a_question_that_asks_two_things_is_two_questions(question: str, expected: list[str]) -> None:
    assert parts(question) == expected


def test_the_topic_of_a_conversation_comes_from_the_last_question_that_said_it() -> None:
    opening = "How is testing for contamination of sweet corn done?"
    history = [Turn(opening), Turn("Which methods exist?")]
    assert "corn" in standalone("How reliable are they?", history)
    assert "corn" not in standalone(
        "How reliable are they?", [*history, Turn("Who painted the Mona Lisa in Paris?")][1:]
    )


@pytest.mark.parametrize(
    "question",
    [
        # another topic
        "What did the pandemic do to the movements of the troops?",
        "How many foreign fighters are left in Syria?",
        "Who is Josep Borrell?",
        "What is NATO?",
        "What are supertankers?",
        "Where is Rome?",
        "Is the pandemic over in most countries of the world?",
        # what it refers to is in the question
        "What did Blinken say about his meeting with the Pope?",
        "Does Spain support Italy in its plan for the Sahel?",
        "What is anaemia and how is it treated?",
        "Tell me about feijoada and its origin.",
        # these words refer to nothing
        "How many people are there in Mozambique today?",
        "Is there a working group on Africa?",
        "Did the ministers say that the coalition will end?",
        "Which exercises that help against back pain are free?",
        "Name one of the new members of the coalition?",
        "Is it possible to visit the camp near Raqqa?",
        "How much does it cost to print a page?",
        "Is it true that the coalition will end?",
        "Did it rain in the camp on Sunday?",
        "How many parliaments must back the treaty before it takes effect?",
        "Can I swap my ticket for one for Sunday?",
        "Will there be another meeting in Rome?",
        "Who runs the IT department?",
        "How do I contact IT?",
        # a conjunction in front of a whole question
        "And how many foreign officials took part?",
        "And what exactly did the Spanish minister propose to the coalition on Monday?",
        # not a question at all
        "",
        "?!",
    ],
)
def test_a_question_that_stands_alone_is_unchanged(question: str) -> None:
    if any(character.isalnum() for character in question):
        assert standalone(question, [Turn(CHAIR, ANSWER)]) == question
    assert standalone(question, []) == question


@pytest.mark.parametrize(
    ("last", "expected"),
    [
        (Turn(CHAIR, ANSWER), "What did he say? (chaired meeting Italian Foreign Minister Luigi Di Maio)"),
        (Turn(CHAIR, "It was chaired by nobody."), "What did he say? (chaired meeting)"),
        (Turn(CHAIR), "What did he say? (chaired meeting)"),
        (Turn("Did Blinken chair the meeting?", ANSWER), "What did he say? (Blinken chair meeting)"),
    ],
)
def test_a_person_may_be_whom_the_last_answer_named_first(last: Turn, expected: str) -> None:
    assert standalone("What did he say?", [last]) == expected


@pytest.mark.parametrize(
    ("last", "question", "expected"),
    [
        # whoever and whatever the last answer was, the next question may be about it
        (Turn("Who led the talks?", "", "Ada Berg"), "Where was she born?", "Where was she born? (led talks Ada Berg)"),
        (Turn("Who leads Orrinkraft?", "", "Mr Lind"), "Is he rich?", "Is he rich? (leads Orrinkraft Mr Lind)"),
        (Turn("What sank?", "", "the ferry Anna"), "When was it built?", "When was it built? (sank ferry Anna)"),
        # of a long one, its first words
        (
            Turn("Why did it close?", "", "water ran into both shafts after the great storm of 1911"),
            "Who stopped that?",
            "Who stopped that? (close water ran shafts great)",
        ),
        # what is said already is not said again
        (Turn("Who spoke?", "", "Ada Berg"), "What did Ada say about her plan?", "What did Ada say about her plan?"),
    ],
)
def test_a_follow_up_may_be_about_the_last_answer(last: Turn, question: str, expected: str) -> None:
    assert standalone(question, [last]) == expected


@pytest.mark.parametrize(
    ("questions", "expected"),
    [
        (
            [WHERE, "And in 2019?", "And in 2020?"],
            "Where did the coalition meet in 2020?",
        ),
        (
            [WHO, "What did she say?", "And about Spain?"],
            "What did she say about Spain? (Arancha González Laya)",
        ),
        (
            [WHO, "What did she say?", "Where does she live?", "Is she married?"],
            "Is she married? (Arancha González Laya live)",
        ),
        (
            [WHO, "What did she say?", "Who is Josep Borrell?", "How old is he?"],
            "How old is he? (Josep Borrell)",
        ),
    ],
)
def test_a_conversation_keeps_its_subject_and_does_not_grow(questions: list[str], expected: str) -> None:
    history: list[Turn] = []
    for question in questions:
        history.append(Turn(standalone(question, history)))
    assert history[-1].question == expected


def test_a_long_conversation_carries_few_words() -> None:
    history = [Turn("What can go wrong with a garage door opener made in Germany?")]
    for number in range(50):
        history.append(Turn(standalone(f"How does it break number{number} part{number}?", history)))
    assert len(history[-1].question.split()) < 15
    assert "garage door opener" in history[-1].question
