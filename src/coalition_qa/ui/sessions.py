"""Gradio's Blocks, with sessions that stay as small as what an open page has to remember."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import gradio as gr

CAPACITY = 200
"""So many open pages are remembered, the latest; a program's every question counts as one, and Gradio's own limit would
let ten thousand fill the memory. Conversations are kept on disk.
"""


def open_blocks(**given: Any) -> "gr.Blocks":  # noqa: ANN401 - Gradio's
    """Blocks, as Gradio makes them of what is `given`, that remember for an open page its components, each once, and
    not what they show.

    Gradio 6.31 makes a component anew whenever an event updates it, under a new number, and from then on keeps what
    the component shows under that number too: each answer left its panel and the list of conversations behind. Here a
    component that is made anew keeps its number. What components show is kept by Gradio for links to a page as it
    stood, which this page doesn't have.
    """
    import gradio as gr

    class Blocks(gr.Blocks):  # type: ignore[misc]
        async def postprocess_data(self, block_fn: Any, predictions: Any, state: Any) -> Any:  # noqa: ANN401 - Gradio's
            try:
                return await super().postprocess_data(block_fn, predictions, state)
            finally:
                if state is not None:
                    for number, block in state.blocks_config.blocks.items():
                        block._id = number
                    for component in state.components:
                        component["props"].pop("value", None)

    return Blocks(**given)
