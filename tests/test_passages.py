"""Passages are exact, whole and complete, whatever the text looks like."""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from coalition_qa.encoders import MODELS, OnnxEncoder
from coalition_qa.passages import (
    TARGET_PIECES,
    SentenceSplitter,
    blocks,
    is_boilerplate,
    passage_id,
    split_document,
)
from coalition_qa.types import Document, Passage, Span

ARTICLE = Path(__file__).parents[1] / "corpus" / "coalition-against-isis-rome.txt"
LABEL = "More information"
LONG_WORD = 500
"""A word of more letters than this may be cut: nothing else could be done with it."""

Cut = Callable[[str], list[Passage]]


@pytest.fixture(scope="module")
def encoder() -> OnnxEncoder:
    return OnnxEncoder(MODELS / "encoder", threads=1)


@pytest.fixture(scope="module")
def splitter() -> SentenceSplitter:
    return SentenceSplitter()


@pytest.fixture(scope="module")
def cut(encoder: OnnxEncoder, splitter: SentenceSplitter) -> Cut:
    """Text to passages."""
    return lambda text: split_document(Document("a.txt", text), splitter, encoder)


@pytest.fixture(scope="module")
def sentences(splitter: SentenceSplitter) -> Callable[[str], list[str]]:
    """Text of one block to its sentences."""
    return lambda text: [span.of(text) for span in splitter.spans(text, Span(0, len(text)))]


def check(text: str, passages: list[Passage], encoder: OnnxEncoder) -> None:
    """Everything that is promised of the passages of any text."""
    document = Document("a.txt", text)
    end = 0
    for passage in passages:
        assert passage.span.start >= end, "passages overlap or are out of order"
        end = passage.span.end
        assert passage.text == passage.span.of(text)
        assert passage.text == passage.text.strip() != ""
        assert passage.document_id == document.id
        assert passage.id == passage_id(document.id, passage.span)
        assert len(encoder.pieces(passage.text)) <= encoder.window
        last = passage.span.start
        for sentence in passage.sentences:
            assert last <= sentence.start < sentence.end <= passage.span.end, "a sentence is out of place"
            assert passage.sentence_text(sentence) == sentence.of(text)
            assert re.search(r"[^\W_]", sentence.of(text)), "a sentence without a word"
            last = sentence.end
    assert end <= len(text)


def left_out(text: str, passages: list[Passage]) -> str:
    """The letters and digits that are in no passage."""
    ends = [0, *(passage.span.end for passage in passages)]
    starts = [*(passage.span.start for passage in passages), len(text)]
    gaps = "".join(text[end:start] for end, start in zip(ends, starts, strict=True))
    return "".join(character for character in gaps if character.isalnum())


def cuts_a_word(text: str, passages: list[Passage]) -> bool:
    """Whether a passage begins or ends inside a word that could have been kept whole."""
    edges = {edge for passage in passages for edge in (passage.span.start, passage.span.end)}
    words = (match.span() for match in re.finditer(r"[A-Za-z0-9]+", text))
    return any(first < edge < last for first, last in words if last - first < LONG_WORD for edge in edges)


# the article ---------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def article() -> str:
    return ARTICLE.read_text("utf-8")


def test_the_article_is_cut_exactly_and_completely(article: str, cut: Cut, encoder: OnnxEncoder) -> None:
    passages = cut(article)
    check(article, passages, encoder)
    notice = article[article.index("Disclaimer:") :]
    assert left_out(article, passages) == "".join(character for character in LABEL + notice if character.isalnum())
    assert not cuts_a_word(article, passages)


def test_the_articles_boilerplate_is_in_no_passage(article: str, cut: Cut) -> None:
    everything = "\n".join(passage.text for passage in cut(article))
    assert LABEL in article
    assert LABEL not in everything
    assert "Disclaimer" not in everything
    assert "contact our support team" not in everything


@pytest.mark.parametrize(
    "sentence",
    [
        "The global fight against the Islamic State has made it possible to achieve “significant results”, which show "
        "what can be achieved “together”, but there are still some 10,000 of its foreign fighters in Syria, which "
        "represents “an unsustainable situation”, the secretary warned. of State.",
        "“We strongly support Italy’s initiative to ensure that the coalition focuses its experience on Africa, while "
        "continuing to keep its eyes wide open on Syria and Iraq,” said the Secretary of State in a tone of "
        "cordiality with the rest of the countries that has been unusual over the years. of the Trump Administration.",
        "We want to apply all of this to areas of great relevance to Spain such as the Sahel ”, he pointed out after "
        "the meeting with his counterparts.",
        "They are the neighbors of our neighbors ”, points out González Laya.",
        "In areas like Mozambique, Cabo Delgado, the situation has worsened ”.",
        "“Today the capacity of the Islamic State in Syria or Iraq is ‘residual’.",
    ],
)
def test_the_articles_broken_punctuation_gives_whole_sentences(article: str, cut: Cut, sentence: str) -> None:
    assert sentence in {passage.sentence_text(span) for passage in cut(article) for span in passage.sentences}


# sentences -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "expected",
    [
        ["It was cold.", "She left.", "Why?", "Nobody knew!", "Then it rained."],
        ["Dr. Smith met Mr. and Mrs. Jones in the U.S. Senate on Jan. 5.", "It was cold."],
        ["Lt. Col. Park and Gov. Díaz sued, see Diaz v. Park, No. 5, p. 12, Fig. 3.", "They lost."],
        ["J. K. Rowling wrote it.", "She lives in the U.K.", "The book sold well."],
        ["She works at Acme Inc. Berlin.", "Her father founded it."],
        ["He paid 4.50 at 5 p.m.", "Then he left."],
        ["It happened in 1999.", "50 people came."],
        ["He said no.", "She said yes."],
        ["the minister warned. of State.", "Then he went."],
        ["“It has worsened ”.", "That was all."],
        ["He wrote www.example.com/a.b and left.", "She stayed."],
        ["1. Open the box.", "Close it again."],
        ["(a) The buyer pays.", "The seller delivers."],
        ["他来了。", "她走了！", "为什么？", "“好。”"],
        ["Ein Satz über Öl.", "Ärger folgt."],
        ["one line\nand its rest.", "Another one\nwith a rest."],
    ],
)
def test_sentences_are_whole(sentences: Callable[[str], list[str]], expected: list[str]) -> None:
    wide = any("。" in sentence for sentence in expected)
    assert sentences(("" if wide else " ").join(expected)) == expected


@pytest.mark.parametrize("text", ["", " ", "\n", "…", "* * *", "”.", "\u200b"])
def test_what_holds_no_word_has_no_passage(text: str, cut: Cut) -> None:
    assert cut(text) == []


# blocks --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("One para-\ngraph, hard\nwrapped.\n\nTwo.", ["One para-\ngraph, hard\nwrapped.", "Two."]),
        ("It ended.\nA new one begins", ["It ended.", "A new one begins"]),
        ("He said “stop.”\nNobody did", ["He said “stop.”", "Nobody did"]),
        ("- one\n- two\n* three\n3. four", ["- one", "- two", "* three", "3. four"]),
        ("# Title\nText begins", ["# Title", "Text begins"]),
        ("| a | b |\n|---|---|\n| c | d |", ["| a | b |", "|---|---|", "| c | d |"]),
        ("left\n \t \nright", ["left", "right"]),
        ("left\n\x0c\nright", ["left", "right"]),
        ("  padded\n    ", ["padded"]),
        ("Read more\nThe minister came", ["Read more", "The minister came"]),
        ("people who would like to\nread more\nabout it came", ["people who would like to\nread more\nabout it came"]),
        ("\n\n", []),
    ],
)
def test_blocks_are_paragraphs_items_and_headings(text: str, expected: list[str]) -> None:
    assert [span.of(text) for span in blocks(text)] == expected


LONG = (
    "Ann Parr, who chairs the markets committee, proposed moving all stalls to the Corn Hall as sewers are made, and "
    "said that the hall has room for all forty of them, with a roof for the rain."
)
WIDE = "\n".join([f"Nobody in the town had heard of {'anything like it ' * 5} before, so they came to see Mount"] * 9)
WRAPPED = "The town was built on the river that comes down from\nMount Ararat and floods its lower streets in spring."


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"6. SATURDAY MARKET\n{LONG}", ["6. SATURDAY MARKET", LONG]),
        (f"By Rhona Tull\nTuesday 14 March\n\n{LONG}", ["By Rhona Tull", "Tuesday 14 March", LONG]),
        (f"Here were: {LONG[:-1]}\n2 guests came\n{LONG}", [f"Here were: {LONG[:-1]}", "2 guests came", LONG]),
        (f"{LONG}\nHere: Ann,\nBob and\nCarol", [LONG, "Here: Ann,\nBob and\nCarol"]),
        (f"{WRAPPED}\n\n{WRAPPED}", [WRAPPED, WRAPPED]),
        (f"The old\nTown Hall\n\n{WRAPPED}", ["The old", "Town Hall", WRAPPED]),
        (f"{WIDE}.", [f"{WIDE}."]),  # wrapped, though late
        (f"the parson's\nold house\n\n{WRAPPED}", ["the parson's\nold house", WRAPPED]),
    ],
)
def test_a_line_that_was_broken_on_purpose_ends_a_block(text: str, expected: list[str]) -> None:
    assert [span.of(text) for span in blocks(text)] == expected


@pytest.mark.parametrize(("heading", "is_one"), [("6. SATURDAY MARKET", True), ("6. Sell your stalls", False)])
def test_a_numbered_line_in_capitals_is_a_heading_and_no_answer(heading: str, is_one: bool, cut: Cut) -> None:
    (passage,) = cut(f"{heading}\n{LONG}")
    assert [span.of(passage.text) for span in passage.sentences] == ([] if is_one else [heading]) + [LONG]


# boilerplate ---------------------------------------------------------------------------------------------------------

ARTICLE_NOTICE = (
    "Disclaimer: If you need to update/edit/remove this news or article then please contact our support team Learn more"
)


@pytest.mark.parametrize(
    "block",
    [
        LABEL,
        ARTICLE_NOTICE,
        "Read more »",
        "READ MORE",
        "**Read more**",
        "Learn more…",
        "Related articles",
        "Advertisement",
        "Share this article",
        "Share on Facebook",
        "Follow us on Twitter",
        "Print this page",
        "Leave a comment",
        "Subscribe now",
        "Back to top",
        "Skip to main content",
        "Continue reading →",
        "All rights reserved.",
        "To report an error in this article, please write to our corrections desk.",
        "If you want us to delete this post,\nemail us.",
        "Sign up for our newsletter to get the latest stories in your inbox. It is free!",
        "Subscribe to the Daily Briefing newsletter: the latest news every morning.",
    ],
)
def test_boilerplate_is_known(block: str) -> None:
    assert is_boilerplate(block)


@pytest.mark.parametrize(
    "block",
    [
        # titles and headings of documents
        "Privacy policy",
        "Terms and conditions",
        "Cookie policy",
        "Table of contents",
        "Sources",
        "Source",
        "Search",
        "Home",
        "Menu",
        "Comments",
        "Tags",
        "Newsletter",
        "Print",
        "Share",
        "Log in",
        "More news",
        "More stories",
        "Previous",
        "Next",
        "# More information",
        "## Read more",
        "- More information",
        "* Comments",
        "1. Share this",
        "| Advertisement |",
        # handbooks and manuals
        "Contact us at least two days before you take leave.",
        "Contact our support team if the device doesn't start.",
        "If this page does not load, contact our support team.",
        "To reset your password, click the link in the e-mail. Contact our support desk if none arrives.",
        "To log in, click here and type your name. Read more in chapter 3.",
        "Print this form, sign it, and send it to the staff office.",
        "Please contact the editor before you remove an article from the archive.",
        "Subscribe to the newsletter of the works council: it lists the holidays.",
        "More information is in chapter 5.",
        "More information: see chapter 5.",
        "Read more slowly than you speak.",
        "Share this with your team before Monday.",
        # questions and answers
        "Can I subscribe for free?",
        "Can I subscribe for free? Yes: sign up with your e-mail address, then click here.",
        "How do I contact support? Write to our support team.",
        # law, privacy, copyright
        "This website uses cookies. We use them to remember your settings. Contact us with questions.",
        "We use cookies to measure traffic. By using this site you agree to our privacy policy.",
        "Disclaimer: the seller is not liable for indirect damage. Contact us for details.",
        "Disclaimer: this article is no medical advice.",
        "Copyright 2020 Jane Doe. All rights reserved.",
        "© 2021 Example Media",
        "The phrase “all rights reserved” comes from the Buenos Aires Convention of 1910; © 2020 is newer.",
        "No part of this publication may be reproduced without permission. All rights reserved.",
        "The publisher must correct or remove this article within 14 days, the court ruled.",
        # news
        "This story was first published in The Times in 1905.",
        "The newspaper asked readers to subscribe to its newsletter.",
        "“Contact us,” said the minister.",
        "Advertisement spending fell by 3% in 2020.",
        "Follow us on the march from Rome to Milan",
        "Related articles of the treaty were not changed.",
        "Sponsored content made up a third of its income.",
    ],
)
def test_content_is_not_taken_for_boilerplate(block: str) -> None:
    assert not is_boilerplate(block)


def test_a_long_paragraph_is_content_whatever_it_ends_in() -> None:
    assert not is_boilerplate("The coalition met in Rome on Monday. " * 10 + ARTICLE_NOTICE)


def test_boilerplate_amid_lines_is_left_out(cut: Cut, encoder: OnnxEncoder) -> None:
    text = "The coalition met in Rome.\nMore information\nThe meeting was chaired by two ministers.\nRead more"
    passages = cut(text)
    check(text, passages, encoder)
    assert [passage.text for passage in passages] == [
        "The coalition met in Rome.",
        "The meeting was chaired by two ministers.",
    ]


# length --------------------------------------------------------------------------------------------------------------


def test_short_neighbours_share_a_passage_and_long_paragraphs_are_cut_evenly(cut: Cut, encoder: OnnxEncoder) -> None:
    short = "The first one is short.\n\nSo is the second one."
    assert [passage.text for passage in cut(short)] == [short]
    long = " ".join(f"This is sentence number {number} of a long paragraph." for number in range(30))
    passages = cut(long)
    check(long, passages, encoder)
    lengths = [len(encoder.pieces(passage.text)) for passage in passages]
    assert len(lengths) == 2
    assert max(lengths) <= TARGET_PIECES
    assert max(lengths) - min(lengths) < 20


def test_a_heading_stands_with_what_follows_it(cut: Cut) -> None:
    body = " ".join(f"Point number {number} was agreed upon by all of the members." for number in range(12))
    text = f"# Rome\n\n{body}\n\n# The Sahel\n\n{body}"
    assert [passage.text.split("\n")[0] for passage in cut(text)] == ["# Rome", "# The Sahel"]


@pytest.mark.parametrize("leading", ["Q: Who mends the broken ones?", "**Who mends them?**", "You will need:"])
def test_what_leads_on_stands_with_what_follows_it(cut: Cut, leading: str) -> None:
    body = " ".join(f"Point number {number} was agreed upon by all of the members." for number in range(12))
    passages = cut(f"{body}\n\n# Repairs\n\n{leading}\n\n- {body}")
    assert [passage.text.split("\n")[0] for passage in passages] == [body, "# Repairs"]
    assert leading in passages[1].text


def test_a_paragraph_that_ends_with_a_question_stands_where_it_stood(cut: Cut) -> None:
    body = " ".join(f"Point number {number} was agreed upon by all of the members." for number in range(9))
    first, _ = cut(f"It began.\n\n{body} Was it right?\n\n{body}")
    assert first.text.endswith("Was it right?")


def test_a_heading_is_no_sentence(cut: Cut) -> None:
    text = "# Rome\n\nThe ministers of the coalition met on a Monday in June and they stayed for two days."
    (passage,) = cut(text)
    assert [passage.sentence_text(sentence) for sentence in passage.sentences] == [text.split("\n\n")[1]]
    assert passage.text == text


@pytest.mark.parametrize(
    "text",
    [
        "x" * 100_000,
        "é" * 100_000,
        "begin " + "x" * 100_000 + " end",
        "word " * 5_000,
        "word\n" * 5_000,
        "word\t" * 5_000,
        "unquestionably\u00a0" * 2_000,
        "# " + "heading " * 3_000,
        "# Title\n\n" + "a" * 3_000 + " b. " + "C" * 3_000 + " d.",
        "汉字" * 3_000,
        "汉字很多。" * 2_000,
        "👩‍👩‍👧‍👦 " * 2_000 + "end",
        "a\u0336" * 3_000,
        "\n".join(f"- item {number}" for number in range(2_000)),
        "(" * 5_000 + "deep" + ")" * 5_000,
        "... " * 3_000 + "The end.",
        "The U.S. " * 1_000,
        "The ministers met in Rome. " * 2_000,
    ],
    ids=lambda text: f"{len(text)}-{text[:8]!a}",
)
def test_extreme_texts_are_cut_exactly_and_completely(text: str, cut: Cut, encoder: OnnxEncoder) -> None:
    passages = cut(text)
    check(text, passages, encoder)
    assert left_out(text, passages) == ""
    assert not cuts_a_word(text, passages)


# any text ------------------------------------------------------------------------------------------------------------

WORDS = """the coalition minister Rome Iraq “quoted” ‘residual’ don't e.g. U.S. Dr. 10,000 3.5% 汉字 日本語。 العربية
héllo ñandú e\u0301 👍 👩‍👩‍👧 x\u0336y\u0336 ... — – • * # | > ( ) ”, ”. “ «été» co-op a/b a_b ___
http://a.b/c?d=e f@g.h \u00a0 \u200b \ufeff \x0c
antidisestablishmentarianism 🇪🇸 ﷺ İ ǅ ß ﬁ""".split(" ")
ENDS = [".", "?", "!", "", ". ", ".”", " ”.", "...", ":", ";", "。"]
OPENINGS = ["", "", "", "- ", "* ", "1. ", "(2) ", "# ", "### ", "> ", "| ", "\t", "  ", "• "]
BREAKS = ["\n\n", "\n\n", "\n", "\n \n", "\n\t\n\n", "\n\x0c\n", "\n\n\n\n"]


def nasty(chance: random.Random) -> str:
    """A text of some paragraphs, headings, lists and wrapped lines, with a label between two of them at times."""
    parts: list[str] = []
    for _ in range(chance.randrange(1, 12)):
        if chance.random() < 0.1:
            parts.append(f"\n\n{LABEL}\n\n")
            continue
        said = []
        for _ in range(chance.choice([1, 2, 5, 30])):
            length = chance.choice([1, 3, 12, 12, 40, 300 if chance.random() < 0.1 else 12])
            said.append(" ".join(chance.choice(WORDS) for _ in range(length)) + chance.choice(ENDS))
        paragraph = chance.choice([" ", " ", "  ", "\n", ""]).join(said)
        parts += [chance.choice(OPENINGS), paragraph, chance.choice(BREAKS)]
    return "".join(parts)


@pytest.mark.parametrize("seed", range(60))
def test_any_text_is_cut_exactly_and_completely(seed: int, cut: Cut, encoder: OnnxEncoder) -> None:
    text = nasty(random.Random(seed))
    passages = cut(text)
    check(text, passages, encoder)
    labels = left_out(text, passages)
    assert labels == LABEL.replace(" ", "") * (len(labels) // 15)
    assert len(labels) // 15 <= text.count(LABEL)
    assert not cuts_a_word(text, passages)


def test_a_smaller_window_is_kept_too(splitter: SentenceSplitter, encoder: OnnxEncoder) -> None:
    class Narrow:
        window = 20

        def pieces(self, text: str) -> list[Span]:
            return encoder.pieces(text)

    text = nasty(random.Random(7))
    passages = split_document(Document("a.txt", text), splitter, Narrow())
    assert passages
    assert all(len(encoder.pieces(passage.text)) <= 20 for passage in passages)
    assert not left_out(text, passages).replace(LABEL.replace(" ", ""), "")


# identity ------------------------------------------------------------------------------------------------------------


def test_ids_are_made_of_content_alone(cut: Cut, splitter: SentenceSplitter, encoder: OnnxEncoder) -> None:
    text = "The coalition met in Rome.\n\nIt will meet again."
    renamed = split_document(Document("other.txt", text, title="Other", date="2021-06-28"), splitter, encoder)
    assert renamed == cut(text)
    assert {passage.id for passage in cut(text)}.isdisjoint(passage.id for passage in cut(text + " Soon."))
    assert passage_id("0" * 64, Span(0, 10)) == "cdc15ee8b3432d6fca2f678c2f5798ac"
