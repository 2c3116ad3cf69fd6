"""The rooms that README lists, as the code keeps them apart: who may import whom, and where."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "src" / "coalition_qa"
MOST_LINES = 350
MOST_FUNCTION_LINES = 50

ROOMS = """types config words documents corpus encoders passages alike schema database store audit proof nearest
    heap index server_index filling folder library backup plan ingest progress doctor retrieval span_models
    reading speakers attribution answering verification receipts conversation llama_index_retriever assistant
    evaluation archive credentials eval_running ui eval_serving standing watching serving eval_commands
    library_commands cli __main__""".split()
"""A room is a module or a package; it may import from those before it."""

APART = {
    "types": set[str](),
    "words": set[str](),
    "documents": {"types"},
    "corpus": {"types", "documents"},
    "alike": set[str](),
    "schema": set[str](),
    "passages": {"types", "words"},
    "conversation": {"types", "words"},
    "speakers": {"types", "words"},
    "receipts": {"types", "verification"},
    "evaluation": {"types", "verification"},
    "ui": {"types", "config"},
    "archive": {"types"},
    "credentials": {"types"},
    "heap": set[str](),
}
"""Rooms that may import from these only: pure, or given what they work with by who calls them."""

PRINTING = {"cli", "eval_commands", "eval_running", "library_commands"}
"""The command line."""

INSIDE_FUNCTIONS = {"cli", "eval_commands", "library_commands"}
"""May import first-party code where it is used, so that `--help` is instant and a command loads only what it needs."""

VENDORS: dict[str, str | set[str]] = {
    "charset_normalizer": "documents",
    "chromadb": "index",
    "gradio": "ui",
    "jinja2": "evaluation",
    "llama_index": {"passages", "llama_index_retriever"},
    "lxml": "documents",
    "onnxruntime": "encoders",
    "platformdirs": "config",
    "pydantic_settings": "config",
    "pypdfium2": "documents",
    "rapidfuzz": "evaluation",
    "sentence_transformers": "encoders",
    "snowballstemmer": "words",
    "sqlite3": {"database", "proof"},
    "striprtf": "documents",
    "tokenizers": "encoders",
    "torch": "span_models",
    "transformers": "span_models",
    "watchfiles": "watching",
}
"""One vendor, one room (SQLite and LlamaIndex have two): its types never cross a boundary."""

SLOW = set(
    """charset_normalizer chromadb gradio jinja2 llama_index lxml onnxruntime pypdfium2 scipy sentence_transformers
    striprtf torch transformers""".split()
)
"""Loaded by what uses them, not by who imports the module."""


@dataclass(frozen=True)
class Import:
    """One imported module, where, and whether at the top of the file (`if TYPE_CHECKING` included)."""

    file: str
    room: str
    target: str
    top: bool
    runs: bool

    @property
    def first_party(self) -> bool:
        return self.target.split(".")[0] == "coalition_qa"

    @property
    def target_room(self) -> str:
        return self.target.split(".")[1]


def modules() -> list[Path]:
    return sorted(path for path in PACKAGE.rglob("*.py") if path.parent != PACKAGE or path.name != "__init__.py")


def room_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def name_of(path: Path) -> str:
    return ".".join(("coalition_qa", *path.relative_to(PACKAGE).with_suffix("").parts)).removesuffix(".__init__")


def imports_of(path: Path) -> Iterator[Import]:
    tree = ast.parse(path.read_text("utf-8"))
    typing_only = [node for node in tree.body if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"]
    for node in ast.walk(tree):
        unseen = any(node in branch.body for branch in typing_only)
        for target in targets_of(node):
            yield Import(name_of(path), room_of(path), target, unseen or node in tree.body, not unseen)


def targets_of(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if not isinstance(node, ast.ImportFrom):
        return []
    assert node.level == 0, "imports are absolute"
    module = node.module or ""
    within = [f"{module}.{alias.name}" for alias in node.names]
    return [name if is_module(name) else module for name in within] if module.startswith("coalition_qa") else [module]


def is_module(name: str) -> bool:
    path = PACKAGE.parent / Path(*name.split("."))
    return path.is_dir() or path.with_suffix(".py").is_file()


ALL = [found for path in modules() for found in imports_of(path)]
OWN = [found for found in ALL if found.first_party]


def test_every_module_has_its_row() -> None:
    assert {room_of(path) for path in modules()} <= set(ROOMS)
    assert OWN


def test_a_room_imports_only_from_rooms_above_it() -> None:
    wrong = [
        f"{found.file} imports {found.target}"
        for found in OWN
        if found.target_room != found.room
        and found.target_room not in APART.get(found.room, ROOMS[: ROOMS.index(found.room)])
    ]
    assert wrong == []


def test_no_modules_import_each_other_in_a_circle() -> None:
    graph: dict[str, set[str]] = {}
    for found in OWN:
        if found.target != found.file:
            graph.setdefault(found.file, set()).add(found.target)
    assert list(TopologicalSorter(graph).static_order())


def test_first_party_imports_stand_at_the_top_of_the_file() -> None:
    hidden = [
        f"{found.file} imports {found.target}" for found in OWN if not found.top and found.room not in INSIDE_FUNCTIONS
    ]
    assert hidden == []


@pytest.mark.parametrize("vendor", sorted(VENDORS))
def test_a_vendor_lives_in_one_room(vendor: str) -> None:
    named = VENDORS[vendor]
    rooms = named if isinstance(named, set) else {named}
    assert {found.room for found in ALL if found.target.split(".")[0] == vendor} == rooms


def test_slow_vendors_are_not_loaded_by_an_import() -> None:
    eager = [
        f"{found.file} imports {found.target}"
        for found in ALL
        if found.target.split(".")[0] in SLOW and found.top and found.runs and found.room != "llama_index_retriever"
    ]
    assert eager == []


@pytest.mark.parametrize("path", modules(), ids=name_of)
def test_a_module_is_short_its_functions_fit_a_screen_and_only_the_command_line_prints(path: Path) -> None:
    source = path.read_text("utf-8")
    assert len(source.splitlines()) <= MOST_LINES
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert (node.end_lineno or 0) - node.lineno < MOST_FUNCTION_LINES, node.name
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print":
            assert room_of(path) in PRINTING
