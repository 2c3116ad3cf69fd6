"""Words as search and verification compare them."""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

from coalition_qa.words import (
    amounts,
    content,
    fold,
    is_function_word,
    is_negated,
    names,
    numbers,
    stem,
    terms,
    words,
)


@pytest.mark.parametrize(
    ("text", "folded"),
    [
        ("González", "gonzalez"),
        ("GONZÁLEZ", "gonzalez"),
        ("Gonza\u0301lez", "gonzalez"),
        ("Italy’s", "italy's"),
        ("‘so’", "'so'"),
        ("Straße", "strasse"),
        ("ﬁve", "five"),
        ("İ", "i"),
        ("", ""),
    ],
)
def test_folding_leaves_neither_case_nor_accents_nor_curls(text: str, folded: str) -> None:
    assert fold(text) == folded


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The US, in 2020!", ["The", "US", "in", "2020"]),
        ("Italy’s “initiative”", ["Italy’s", "initiative"]),
        ("don't", ["don't"]),
        ("‘residual’", ["residual"]),
        ("10,000 or 3.5%", ["10,000", "or", "3.5"]),
        ("COVID-19", ["COVID", "19"]),
        ("20%, 30.", ["20", "30"]),
        ("Gonza\u0301lez", ["González"]),
        ("汉字 и кириллица", ["汉字", "и", "кириллица"]),
        ("— … ”", []),
        ("", []),
    ],
)
def test_words_are_found_as_they_stand(text: str, expected: list[str]) -> None:
    assert words(text) == expected


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("ministers", "minister"),
        ("Italy’s", "italy"),
        ("strongly", "Strong"),
        ("10,000", "10000"),
        ("10.000", "10000"),
        ("1,234,567", "1234567"),
        ("González", "gonzalez"),
    ],
)
def test_forms_of_a_word_have_one_stem(one: str, other: str) -> None:
    assert stem(one) == stem(other)


@pytest.mark.parametrize(("one", "other"), [("3.5", "35"), ("2020", "2021"), ("Iraq", "Iran"), ("1,5", "15")])
def test_different_words_have_different_stems(one: str, other: str) -> None:
    assert stem(one) != stem(other)


@pytest.mark.parametrize(
    ("text", "function_words"),
    [
        ("What does the US want?", {"What", "does", "the"}),
        ("WHAT DOES THE US WANT?", {"WHAT", "DOES", "THE", "US"}),
        ("Tell us who it is", {"Tell", "us", "who", "it", "is"}),
        ("The WHO said that IT failed", {"The", "said", "that"}),
        ("I didn't, they can’t, she won't", {"I", "didn't", "they", "can’t", "she", "won't"}),
        ("What's that? It's what he'd have", {"What's", "that", "It's", "what", "he'd", "have"}),
    ],
)
def test_function_words_are_told_from_acronyms_and_contracted_forms(text: str, function_words: set[str]) -> None:
    assert {word for word in words(text) if is_function_word(word, text)} == function_words


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("What did the ministers decide?", ["minist", "decid"]),
        ("What's the US’s concern?", ["us", "concern"]),
        ("Why?", []),
        ("", []),
    ],
)
def test_content_is_the_stems_of_meaningful_words_in_order(text: str, expected: list[str]) -> None:
    assert content(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Who did the ministers meet? The ministers of Italy’s cabinet!", ["ministers", "meet", "italy", "cabinet"]),
        ("What does the US want", ["us", "want"]),
        ("Who is it?", ["who", "is", "it"]),
        ("10,000 fighters", ["10,000", "fighters"]),
        ("?!", []),
    ],
)
def test_terms_are_what_to_look_for_each_once(text: str, expected: list[str]) -> None:
    assert terms(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("In March 2020, 10,000 of 80.", {"2020", "10000", "80"}),
        ("3.5 percent", {"3.5"}),
        ("twenty ministers", set()),
    ],
)
def test_numbers_are_those_in_digits(text: str, expected: set[str]) -> None:
    assert numbers(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("two years", {"2"}),
        ("twenty ministers of 79 states", {"20", "79"}),
        ("Two million or 2 million", {"2", "1000000"}),
        ("a dozen", {"12"}),
        ("ninety", {"90"}),
        ("nineteen", {"19"}),
        ("one of them", set()),
    ],
)
def test_amounts_are_numbers_in_digits_or_in_words(text: str, expected: set[str]) -> None:
    assert amounts(text) == expected


@pytest.mark.parametrize(
    ("text", "inside", "with_opening"),
    [
        ("Blinken met Pope Francis.", {"pope", "francis"}, {"blinken", "pope", "francis"}),
        ("The US and Italy’s minister met.", {"us", "italy"}, {"us", "italy"}),
        ("He left. Rome slept.", set(), {"rome"}),
        ("“Today,” said Di Maio", {"di", "maio"}, {"today", "di", "maio"}),
        ("NATO met", {"nato"}, {"nato"}),
        ("Was it I or You?", set(), set()),
        ("Ángel spoke to E\u0301lodie", {"elodie"}, {"angel", "elodie"}),
        ("no names here", set(), set()),
    ],
)
def test_names_are_words_with_a_capital(text: str, inside: set[str], with_opening: set[str]) -> None:
    assert names(text) == inside
    assert names(text, opening=True) == with_opening


@pytest.mark.parametrize(
    ("text", "negated"),
    [
        ("Spain supports it.", False),
        ("Spain does not support it.", True),
        ("Spain doesn’t support it.", True),
        ("Spain never supported it.", True),
        ("Spain refused it.", True),
        ("Spain can't say no.", False),
        ("Nobody denied it.", False),
        ("", False),
    ],
)
def test_a_text_is_negated_when_it_says_so_an_odd_number_of_times(text: str, negated: bool) -> None:
    assert is_negated(text) is negated


def test_threads_do_not_cut_each_others_words() -> None:
    said = ["internationalisation", "governments", "meetings", "relational", "happily", "agreed", "hopefulness"] * 300
    alone = [stem(word) for word in said]
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(4) as pool:
            together = list(pool.map(lambda turn: [stem(word) for word in said[turn:] + said[:turn]], range(4)))
    finally:
        sys.setswitchinterval(before)
    assert together == [alone[turn:] + alone[:turn] for turn in range(4)]
