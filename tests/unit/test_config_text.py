"""What is wrong with the text of a config: line, column, and a caret under the place."""

import pytest

from espalier.plan.text import UnreadableConfig, check


@pytest.mark.parametrize(
    "text, line, column",
    [
        ("a: 1\nb:\n\tc: 2\n", 3, 1),  # a tab
        ("a: 1\nb:\n  c: 1\n d: 2\n", 4, 2),  # less indented than its neighbour
        ("a: 1\n  b: 2\n", 2, 4),  # more indented
        ("a: *missing\n", 1, 4),
        ("b: 3\na:\n  <<: 5\n", 3, 7),  # nothing to merge
        ("a:\n  b: 1\n  c: 2\n  b: 3\n", 4, 3),
        ("a: {b: 1, b: 2}\n", 1, 11),
        ("- a: 1\n- a: 1\n  a: 2\n", 3, 3),
        ("a: [1, 2\nb: 3\n", 2, 2),  # a bracket that is not closed
    ],
)
def test_the_place_is_shown_with_a_caret(tmp_path, text, line, column):
    path = tmp_path / "config.yaml"
    path.write_text(text)
    with pytest.raises(UnreadableConfig) as refused:
        check(path)
    first, shown, caret = str(refused.value).splitlines()
    assert first.startswith(f"{path}, line {line}, column {column}: ")
    assert shown == "    " + text.splitlines()[line - 1]
    assert caret.endswith("^") and len(caret) == 4 + column


def test_both_lines_of_a_key_that_is_there_twice_are_named(tmp_path):
    path = tmp_path / "config.yaml"
    path.write_text("a:\n  b: 1\n  c: 2\n  b: 3\n")
    with pytest.raises(UnreadableConfig, match=r"line 4, .*'b'.* line 2"):
        check(path)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a: 1\nA: 2\n1: x\n'1': y\n",  # four keys
        "x: &a {c: 1}\ny: {<<: *a, c: 2}\nz: *a\n",  # a key that was merged in may be given again
        '{"a":\t1}',  # JSON, in which tabs are allowed
        "- b: 1\n- b: 1\n",
    ],
)
def test_what_is_right_is_left_alone(tmp_path, text):
    path = tmp_path / "config.yaml"
    path.write_text(text)
    check(path)


def test_a_file_that_is_not_there_is_left_for_snakemake_to_miss(tmp_path):
    check(tmp_path / "config.yaml")
