"""What a session remembers of components that events change."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import gradio as gr
import pytest
from gradio.state_holder import SessionState

from coalition_qa.ui.sessions import open_blocks

if TYPE_CHECKING:
    from collections.abc import Callable

# Gradio counts its events with what pandas 3 deprecates.
pytestmark = pytest.mark.filterwarnings(
    "ignore:.*future.no_silent_downcasting", "ignore:The copy keyword is deprecated:DeprecationWarning"
)


def screens(kind: Callable[..., gr.Blocks]) -> gr.Blocks:
    """A box and what it is answered with; the event updates the box, and the panel every second time only."""

    def turn(asked: str) -> tuple[Any, Any]:
        stopped = asked == "stop"
        return gr.update(value="", submit_btn=stopped), gr.skip() if stopped else f"<p>{asked}</p>"

    with kind(analytics_enabled=False) as made:
        box, panel = gr.Textbox(elem_id="box"), gr.HTML(elem_id="panel")
        box.submit(turn, [box], [box, panel])
    return made


def after(kind: Callable[..., gr.Blocks], turns: int) -> tuple[gr.Blocks, SessionState, list[Any]]:
    """Screens, a session on them after so many turns, and what each turn sent."""

    async def taken() -> tuple[gr.Blocks, SessionState, list[Any]]:
        made = screens(kind)
        state, (event,) = SessionState(made), made.fns.values()
        asked = ["stop" if turn % 2 else f"question {turn}" for turn in range(turns)]
        return made, state, [(await made.process_api(event, [each], state=state))["data"] for each in asked]

    return asyncio.run(taken())


def test_a_session_holds_one_of_each_component_however_long_it_lasts() -> None:
    made, state, _ = after(open_blocks, 20)
    assert set(state.blocks_config.blocks) == set(state.config_values) == set(made.blocks)


def test_a_component_keeps_its_number_and_what_it_was_given_but_not_what_it_showed() -> None:
    _, state, _ = after(open_blocks, 5)
    assert all(block._id == number for number, block in state.blocks_config.blocks.items())
    shown = {each["props"].get("elem_id"): each["props"] for each in state.config_values.values()}
    assert shown["box"]["submit_btn"] is False
    assert not any("value" in props for props in shown.values())


def test_the_browser_is_sent_what_gradio_sends() -> None:
    assert after(open_blocks, 5)[2] == after(gr.Blocks, 5)[2]


def test_what_a_session_changed_is_not_seen_by_another() -> None:
    made, changed, _ = after(open_blocks, 4)
    other = SessionState(made).blocks_config.blocks
    assert other == made.blocks
    assert all(block._id == number for number, block in other.items())
    assert not set(map(id, other.values())) >= set(map(id, changed.blocks_config.blocks.values()))
