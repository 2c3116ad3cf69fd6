"""The report's plots as SVG: drawn narrow, so that text stays readable on a phone; coloured by the page's style.

Each has a title and a description for who does not see it. matplotlib would add 70 MB to an installation for these
three, and its SVG knows no dark mode.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, floor, log10
from xml.etree import ElementTree as ET

WIDTH = 360
_LEFT, _RIGHT, _TOP, _BOTTOM = 44, 12, 12, 44
_ROW = 42
_MOST_POINTS = 400

Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Bar:
    """A share between 0 and 1 with its interval; `said` is what stands beside it. Without verdict it is pale."""

    label: str
    value: float
    said: str
    low: float | None = None
    high: float | None = None
    verdict: bool = True


@dataclass(frozen=True, slots=True)
class Times:
    """Milliseconds of one stage."""

    stage: str
    p50: float
    p95: float


def bars(name: str, rows: Sequence[Bar]) -> str:
    """A bar and an interval a row."""
    height = _ROW * len(rows) + 24
    said = "; ".join(f"{each.label} {each.said}" for each in rows)
    svg = _svg(name, f"Horizontal bars from 0 to 1 with 95% intervals: {said}.", height)
    span = WIDTH - 2 * _RIGHT
    for tick in (0, 0.25, 0.5, 0.75, 1):
        x = _RIGHT + tick * span
        _line(svg, x, 4, x, height - 20, "grid")
        _text(svg, x, height - 6, f"{tick:g}", "tick", "start" if tick == 0 else "end" if tick == 1 else "middle")
    for at, each in enumerate(rows):
        top = at * _ROW + 4
        _text(svg, _RIGHT, top + 13, each.label, "label")
        _text(svg, WIDTH - _RIGHT, top + 13, each.said, "said", "end")
        kind = "bar" if each.verdict else "bar pale"
        ET.SubElement(svg, "rect", _numbers(x=_RIGHT, y=top + 19, width=each.value * span, height=14) | {"class": kind})
        if each.low is not None and each.high is not None:
            low, high = _RIGHT + each.low * span, _RIGHT + each.high * span
            _line(svg, low, top + 26, high, top + 26, "whisker")
            for end in (low, high):
                _line(svg, end, top + 22, end, top + 30, "whisker")
    return _source(svg)


def risk_coverage(name: str, curve: Sequence[Point], oracle: Sequence[Point], here: Point | None) -> str:
    """The risk at each coverage, the best that could be, and where the assistant draws its line."""
    height = 280
    top = _ceiling(max((risk for _, risk in curve), default=1.0))
    now = f" The assistant answers {here[0]:.0%} of the questions, at a risk of {here[1]:.1%}." if here else ""
    svg = _svg(name, f"Line: share of wrong answers against share of questions answered.{now}", height)
    right, bottom = WIDTH - _RIGHT, height - _BOTTOM

    def place(point: Point) -> Point:
        return _LEFT + point[0] * (right - _LEFT), bottom - point[1] / top * (bottom - _TOP)

    for step in range(5):
        x, y = place((step / 4, step / 4 * top))
        _line(svg, _LEFT, y, right, y, "grid")
        _text(svg, _LEFT - 6, y + 4, f"{step / 4 * top:.3g}", "tick", "end")
        _text(svg, x, bottom + 16, f"{step / 4:.0%}", "tick", "end" if step == 4 else "middle")
    _text(svg, (_LEFT + right) / 2, height - 8, "questions answered, most confident first", "tick", "middle")
    _path(svg, [place(point) for point in _thinned(oracle)], "oracle")
    _path(svg, [place(point) for point in _thinned(curve)], "curve")
    if here:
        x, y = place((here[0], min(here[1], top)))
        ET.SubElement(svg, "circle", _numbers(cx=x, cy=y, r=5) | {"class": "here"})
        _text(svg, x, y + (20 if y < height / 2 else -12), "answered now", "note", "end" if here[0] > 0.5 else "start")
    return _source(svg)


def latency(name: str, rows: Sequence[Times]) -> str:
    """The median and the 95th percentile of each stage."""
    height = _ROW * len(rows) + 24
    most = _ceiling(max((each.p95 for each in rows), default=1.0))
    said = "; ".join(f"{each.stage}: median {_time(each.p50)}, 95th percentile {_time(each.p95)}" for each in rows)
    svg = _svg(name, f"Horizontal bars of milliseconds: {said}.", height)
    span = WIDTH - 2 * _RIGHT
    for tick in (0.0, 0.5, 1.0):
        x = _RIGHT + tick * span
        _line(svg, x, 4, x, height - 20, "grid")
        _text(
            svg, x, height - 6, _time(tick * most), "tick", "start" if tick == 0 else "end" if tick == 1 else "middle"
        )
    for at, each in enumerate(rows):
        top = at * _ROW + 4
        _text(svg, _RIGHT, top + 13, each.stage, "label")
        _text(svg, WIDTH - _RIGHT, top + 13, f"{_time(each.p50)}, p95 {_time(each.p95)}", "said", "end")
        for value, kind in ((each.p95, "bar pale"), (each.p50, "bar")):
            box = _numbers(x=_RIGHT, y=top + 19, width=value / most * span, height=14)
            ET.SubElement(svg, "rect", box | {"class": kind})
    return _source(svg)


def _thinned(points: Sequence[Point]) -> list[Point]:
    step = max(1, len(points) // _MOST_POINTS)
    kept = list(points[::step])
    return kept if not points or kept[-1] == points[-1] else [*kept, points[-1]]


def _ceiling(value: float) -> float:
    """The next of 1, 2, 4, 5, 10 times a power of ten."""
    if value <= 0:
        return 1.0
    power = 10.0 ** floor(log10(value))
    return power * next((step for step in (1, 2, 4, 5) if step * power >= value * (1 - 1e-9)), 10)


def _time(milliseconds: float) -> str:
    if milliseconds >= 1000:
        return f"{milliseconds / 1000:.3g} s"
    return f"{milliseconds:.3g} ms" if milliseconds < 100 else f"{ceil(milliseconds):,} ms"


def _svg(name: str, description: str, height: int) -> ET.Element:
    slug = "".join(char if char.isalnum() else "-" for char in name.lower())
    ids = f"{slug}-title {slug}-description"
    svg = ET.Element("svg", {"viewBox": f"0 0 {WIDTH} {height}", "role": "img", "aria-labelledby": ids})
    ET.SubElement(svg, "title", id=f"{slug}-title").text = name
    ET.SubElement(svg, "desc", id=f"{slug}-description").text = description
    return svg


def _line(svg: ET.Element, x1: float, y1: float, x2: float, y2: float, kind: str) -> None:
    ET.SubElement(svg, "line", _numbers(x1=x1, y1=y1, x2=x2, y2=y2) | {"class": kind})


def _path(svg: ET.Element, points: Sequence[Point], kind: str) -> None:
    if points:
        steps = " L".join(f"{x:.1f} {y:.1f}" for x, y in points)
        ET.SubElement(svg, "path", {"d": f"M{steps}", "class": kind})


def _text(svg: ET.Element, x: float, y: float, said: str, kind: str, anchor: str = "start") -> None:
    ET.SubElement(svg, "text", _numbers(x=x, y=y) | {"class": kind, "text-anchor": anchor}).text = said


def _numbers(**values: float) -> dict[str, str]:
    return {name: f"{value:.1f}" for name, value in values.items()}


def _source(svg: ET.Element) -> str:
    return ET.tostring(svg, encoding="unicode")
