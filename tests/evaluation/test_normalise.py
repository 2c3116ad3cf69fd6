from __future__ import annotations

import pytest

from coalition_qa.evaluation.normalise import find_quote, norm, numbers, tok, without_typography


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ROME", "rome"),
        ("Straße", "strasse"),
        ("González Laya", "gonzalez laya"),
        ("Gonza\u0301lez Laya", "gonzalez laya"),
        ("ﬁghters in Ｒｏｍｅ", "fighters in rome"),
        ("  a\tgroup \n of  the states ", "group of states"),
        ("An answer, the answer, A answer", "answer answer answer"),
        ("theatre and another", "theatre and another"),
        ("“significant results”", "significant results"),
        ("Italy’s", "italys"),
        ("de-radicalize", "deradicalize"),
        ("€5 + 10%", "5 10"),
        ("U.S.", "us"),
        ("", ""),
        ("The… “?!”", ""),
    ],
)
def test_case_accents_punctuation_articles_and_whitespace_are_folded(text: str, expected: str) -> None:
    assert norm(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("10,000", "10000"),
        ("10 000", "10000"),
        ("10\u00a0000", "10000"),
        ("10\u202f000", "10000"),
        ("10\u2009000", "10000"),
        ("10'000", "10000"),
        ("1,234,567.89", "1234567.89"),
        ("1 234 567", "1234567"),
        ("3.5 million", "3.5 million"),
        ("in 2020. 79 states", "in 2020 79 states"),
        ("79, 80, 100", "79 80 100"),
        ("in 2020 100 of them", "in 2020 100 of them"),
        ("3.5 100", "3.5 100"),
        (".5 and 5.", "5 and 5"),
    ],
)
def test_thousands_separators_go_and_decimal_points_stay(text: str, expected: str) -> None:
    assert norm(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("twenty", "20"),
        ("about Twenty ministers", "about 20 ministers"),
        ("zero", "0"),
        ("sixteen, six, sixty-six", "16 6 66"),
        ("twenty-one", "21"),
        ("twenty one", "21"),
        ("twenty–one", "21"),
        ("ninety-nine", "99"),
        ("one hundred", "100"),
        ("a hundred states", "100 states"),
        ("two hundred", "2 hundred"),
        ("hundreds", "hundreds"),
        ("someone often attends", "someone often attends"),
        ("two-year", "2year"),
    ],
)
def test_number_words_up_to_a_hundred_become_digits(text: str, expected: str) -> None:
    assert norm(text) == expected


def test_every_number_from_0_to_100_has_a_word() -> None:
    units = "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen"
    words = [*units.split(), "seventeen", "eighteen", "nineteen"]
    for tens in ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"):
        words += [tens, *(f"{tens}-{unit}" for unit in words[1:10])]
    assert [norm(word) for word in [*words, "one hundred"]] == [str(value) for value in range(101)]


def test_tokens_are_the_words_of_the_normal_form() -> None:
    assert tok("The 10,000 “foreign” fighters!") == ["10000", "foreign", "fighters"]


def test_numbers_are_found_in_normal_form_and_inside_tokens() -> None:
    assert numbers("two of 10,000, the 5th, 3.5 and COVID-19") == {"2", "10000", "5", "3.5", "19"}


@pytest.mark.parametrize(
    ("text", "quote", "found"),
    [
        ("He said “go” twice.", 'said "go" twice', "said “go” twice"),
        ("Italy’s initiative", "Italy's initiative", "Italy’s initiative"),
        ("north–south line", "north-south", "north–south"),
        ("one\n\n  two three", "one two", "one\n\n  two"),
        ("the ﬁnal word", "final word", "ﬁnal word"),
        ("Arancha Gonza\u0301lez Laya", "González Laya", "Gonza\u0301lez Laya"),
        ("Arancha González Laya", "Gonza\u0301lez", "González"),
        ("wait… then", "wait... then", "wait… then"),
        ("so they said", "  they  said\n", "they said"),
    ],
)
def test_a_quote_with_other_typography_is_found_where_it_is(text: str, quote: str, found: str) -> None:
    assert [span.of(text) for span in find_quote(quote, without_typography(text))] == [found]


def test_every_place_of_a_quote_is_found() -> None:
    assert len(find_quote("‘a b’", without_typography("'a b' and ’a  b’"))) == 2


def test_a_quote_of_nothing_is_nowhere() -> None:
    assert find_quote(" \n", without_typography("some text")) == []
