from __future__ import annotations

from xml.etree import ElementTree as ET

import pytest

from coalition_qa.evaluation import charts
from coalition_qa.evaluation.charts import WIDTH, Bar, Times


def drawn(svg: str, kind: str) -> list[ET.Element]:
    return [each for each in ET.fromstring(svg).iter() if each.get("class") == kind]


def numbers(path: ET.Element) -> list[float]:
    return [float(each) for each in (path.get("d") or "").replace("M", "").replace("L", "").split()]


def test_a_bar_is_as_long_as_its_share_and_its_whisker_as_its_interval() -> None:
    svg = charts.bars("Right", [Bar("all", 1.0, "3 of 3", 0.5, 1.0), Bar("half", 0.5, "1 of 2", verdict=False)])
    (whole,), (half,) = drawn(svg, "bar"), drawn(svg, "bar pale")
    assert float(half.get("width") or 0) == float(whole.get("width") or 0) / 2
    whisker = drawn(svg, "whisker")[0]
    start, width = float(whole.get("x") or 0), float(whole.get("width") or 0)
    assert float(whisker.get("x1") or 0) == start + width / 2
    assert float(whisker.get("x2") or 0) == start + width
    assert len(drawn(svg, "whisker")) == 3  # the line and its two ends; the bar without an interval has none


def test_a_risk_of_none_lies_on_the_axis_and_the_highest_stays_inside() -> None:
    svg = charts.risk_coverage("Risk", [(0.5, 0.0), (1.0, 0.3)], [(1.0, 0.3)], (0.5, 0.0))
    x1, y1, x2, y2 = numbers(drawn(svg, "curve")[0])
    assert x1 < x2 <= WIDTH
    assert 0 < y2 < y1
    (here,) = drawn(svg, "here")
    assert (float(here.get("cx") or 0), float(here.get("cy") or 0)) == (x1, y1)


def test_without_a_point_of_its_own_a_curve_stands_alone() -> None:
    svg = charts.risk_coverage("Risk", [(1.0, 0.0)], [(1.0, 0.0)], None)
    assert drawn(svg, "curve")
    assert not drawn(svg, "here")


def test_a_long_curve_is_thinned_and_keeps_its_end() -> None:
    curve = [(at / 6000, at / 12000) for at in range(1, 6001)]
    svg = charts.risk_coverage("Risk", curve, curve, None)
    points = numbers(drawn(svg, "curve")[0])
    assert len(points) / 2 < 500
    whole = charts.risk_coverage("Risk", curve[-1:], curve, None)
    assert points[-2:] == numbers(drawn(whole, "curve")[0])


def test_times_are_on_one_scale() -> None:
    svg = charts.latency("Time", [Times("read", 50, 80), Times("total", 100, 200)])
    widths = [float(each.get("width") or 0) for each in drawn(svg, "bar") + drawn(svg, "bar pale")]
    assert [round(width / widths[0], 1) for width in widths] == [1, 2, 1.6, 4]


@pytest.mark.parametrize(
    "svg",
    [
        charts.bars("A <b>", [Bar("<i>&", 0.2, "1 of 5")]),
        charts.risk_coverage("A <b>", [], [], None),
        charts.latency("A <b>", [Times("<i>&", 0.0, 0.0)]),
    ],
    ids=["bars", "curve", "latency"],
)
def test_a_plot_has_a_title_a_description_and_no_markup_of_its_texts(svg: str) -> None:
    root = ET.fromstring(svg)
    assert (root.get("role"), root[0].tag, root[0].text) == ("img", "title", "A <b>")
    assert root[1].tag == "desc"
    assert root[1].text
    assert root.get("aria-labelledby") == f"{root[0].get('id')} {root[1].get('id')}"
    assert "<i>" not in svg
