"""Every promise of docs/reliability.md names a test that there is."""

import re

from project import PROJECT

PAGE = PROJECT / "docs" / "reliability.md"
LINK = re.compile(r"\((\.\./tests/[\w/]+\.py)\)`::(\w+)`")


def test_every_promise_names_a_test_that_there_is():
    promises = [line for line in PAGE.read_text().splitlines() if line.startswith("| ")]
    promises = [line for line in promises if not line.startswith(("| promise", "| ---"))]
    assert len(promises) > 20
    for promise in promises:
        file, test = LINK.search(promise).groups()
        assert f"def {test}(" in (PAGE.parent / file).read_text(), promise
