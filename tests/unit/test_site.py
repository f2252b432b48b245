"""The documentation as a site: its links lead somewhere, every page is in the menu, and no warning when it is built."""

import importlib.util
import re
import subprocess
from pathlib import Path

import pytest
import yaml

PROJECT = Path(__file__).resolve().parents[2]
MKDOCS = PROJECT / ".venv-docs" / "bin" / "mkdocs"

spec = importlib.util.spec_from_file_location("make_site", PROJECT / "docs" / "make_site.py")
make_site = importlib.util.module_from_spec(spec)
spec.loader.exec_module(make_site)


def pages_of(menu):
    """The pages of a menu, at every depth."""
    for entry in menu:
        for value in entry.values():
            yield from [value] if isinstance(value, str) else pages_of(value)


def test_no_link_of_the_documentation_leads_nowhere():
    assert list(make_site.broken()) == []


def test_a_link_to_a_folder_leads_to_its_page_or_is_plain_words():
    page, pages = Path("docs/a.md"), {Path("report/reference/README.md")}
    text = "[r](../report/reference) and [the tests](../tests), [w](https://example.org)\n\n```sh\n[t](../tests)\n```\n"
    made, linked = make_site.relinked(text, page, pages)
    assert made.startswith("[r](../report/reference/README.md) and the tests, [w](https://example.org)")
    assert "[t](../tests)" in made and linked == {Path("report/reference/README.md")}


def test_every_page_of_the_folder_is_in_the_menu():
    menu = set(pages_of(yaml.safe_load((PROJECT / "mkdocs.yml").read_text())["nav"]))
    assert {path.relative_to(PROJECT).as_posix() for path in (PROJECT / "docs").glob("*.md")} <= menu
    assert all((PROJECT / page).exists() or page.startswith("reference/") for page in menu)
    assert {f"reference/{name}.md" for name in make_site.REFERENCE} <= menu


def test_every_module_of_the_reference_is_there():
    modules = [module for _, _, names in make_site.REFERENCE.values() for module in names]
    assert all(importlib.util.find_spec(module) for module in modules)


@pytest.mark.skipif(not MKDOCS.exists(), reason="the environment of `make site` is not there")
def test_the_site_is_built_without_a_warning(tmp_path):
    make_site.collect(tmp_path / "pages")
    text = (PROJECT / "mkdocs.yml").read_text()
    config = text.replace("docs_dir: .site", f"docs_dir: {tmp_path / 'pages'}")
    for path in ("workflow/scripts", "docs/doctests.py"):
        config = config.replace(f"[{path}]", f"[{PROJECT / path}]")
    (tmp_path / "mkdocs.yml").write_text(config)
    done = subprocess.run([MKDOCS, "build", "--strict"], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    page = (tmp_path / "site/docs/configuration.html").read_text()
    loaded = re.findall(r'<(?:script|link|img)[^>]* (?:src|href)="([^"]+)"', page)
    assert loaded and not [address for address in loaded if "://" in address]  # it needs no network
    assert (tmp_path / "site/search/search_index.js").exists()
