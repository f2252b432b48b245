"""The text of a config file: what YAML cannot read, and keys that are there twice, with line, column and a caret.

Snakemake reads configs by itself: of a file that is no YAML it does not say where, and of a key that is there twice it
takes the last without a word.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import yaml
from yaml.error import Mark, MarkedYAMLError
from yaml.nodes import MappingNode, Node, ScalarNode

MERGE = "tag:yaml.org,2002:merge"
WORDS = {  # of PyYAML -> what is wrong, and what to do
    "found character '\\t'": "a tab stands where YAML allows spaces only: replace it by spaces",
    "mapping values are not allowed here": "a colon stands where no key can be: is the line above indented as it is "
    "meant, or does a text with a colon lack its quotes?",
    "expected <block end>": "the indentation fits no line above: keys of one level begin in one column",
    "could not find expected ':'": "a key without a colon",
    "found undefined alias": "there is no anchor of this name above it",
    "expected a mapping": "<< merges keys with values, and this is none",
}


class UnreadableConfig(ValueError):
    """A config file that cannot be read; the message says where, what is wrong, and shows the line with a caret."""


def check(path: str | Path) -> None:
    """Raise UnreadableConfig for a file that is no YAML (nor JSON), or has a key twice. A file that is not there is
    left for Snakemake to miss."""
    path = Path(path)
    if not path.is_file():
        return
    text = path.read_text(encoding="utf-8")
    try:
        tree = yaml.compose(text, yaml.SafeLoader)
        if tree is not None:
            twice(tree, path, text)
            yaml.safe_load(text)  # merges
    except MarkedYAMLError as error:
        with suppress(ValueError):
            json.loads(text)
            return
        mark = error.problem_mark or error.context_mark
        raise UnreadableConfig(_message(path, text, mark, _words(error))) from None


def twice(tree: Node, path: Path, text: str) -> None:
    """Raise UnreadableConfig at the first key that a mapping has twice."""
    for mapping in _mappings(tree, set()):
        seen: dict[tuple[str, str], Mark] = {}
        for key, _ in mapping.value:
            if not isinstance(key, ScalarNode) or key.tag == MERGE:
                continue
            before = seen.setdefault((key.tag, key.value), key.start_mark)
            if before is not key.start_mark:
                words = (
                    f"the key {key.value!r} is there twice, first in line {before.line + 1}: take one of the two out"
                )
                raise UnreadableConfig(_message(path, text, key.start_mark, words))


def _mappings(node: Node, seen: set[int]) -> Iterator[MappingNode]:
    """All mappings of a tree, each once, in the order of the file."""
    if id(node) in seen:
        return
    seen.add(id(node))
    if isinstance(node, MappingNode):
        yield node
    parts = [part for pair in node.value for part in pair] if isinstance(node, MappingNode) else node.value
    for part in parts if isinstance(parts, list) else ():
        yield from _mappings(part, seen)


def _words(error: MarkedYAMLError) -> str:
    """What is wrong: in our words, where there are some."""
    problem = error.problem or "it is no YAML"
    ours = next((words for begin, words in WORDS.items() if problem.startswith(begin)), problem)
    if problem.startswith("found undefined alias"):
        return f"{problem.removeprefix('found undefined alias').strip()}: {ours}"
    return ours


def _message(path: Path, text: str, mark: Mark | None, words: str) -> str:
    if mark is None:
        return f"{path}: {words}"
    lines = text.splitlines()
    line = lines[mark.line] if mark.line < len(lines) else ""
    caret = "".join("\t" if each == "\t" else " " for each in line[: mark.column]) + "^"
    return f"{path}, line {mark.line + 1}, column {mark.column + 1}: {words}\n    {line}\n    {caret}"
