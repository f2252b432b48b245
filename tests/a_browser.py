"""A page in a real browser, without a window: a script is run in the page, and what it returns is read back."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from html import unescape
from pathlib import Path
from typing import Any

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
BROWSER = next((found for name in NAMES if (found := shutil.which(name))), None)
needs_a_browser = pytest.mark.skipif(BROWSER is None, reason=f"none of {', '.join(NAMES)} is installed")


def run(page: Path, script: str, address: str = "", width: int = 800, dark: bool = False) -> Any:
    """What the body of an asynchronous function returns (as JSON) in a page. Errors of the page, and files that it
    cannot load, are errors here. address: what stands after the file's name ("#x=macs"); width: of the window; dark:
    whether the user prefers dark pages."""
    tried = page.with_name(f"tried_{page.name}")
    before = (
        "<script>window.wrong = [];"
        "addEventListener('error', event => wrong.push(event.message || 'a file could not be loaded'), true);"
        "const wait = () => new Promise(done => setTimeout(done, 20));</script>"
    )
    after = (
        f"<script>(async () => {{ {script} }})()"
        ".then(value => ({value, wrong}), error => ({wrong: [String(error)]}))"
        ".then(all => { const place = document.createElement('pre'); place.id = 'returned';"
        " place.textContent = JSON.stringify(all); document.body.append(place); });</script>"
    )
    text = page.read_text(encoding="utf-8").replace("<head>", f"<head>{before}", 1)
    content, _, end = text.rpartition("</body>")  # the last one: a script of the page may hold another
    text = f"{content}{after}</body>{end}"
    tried.write_text(text, encoding="utf-8")
    command = [BROWSER, "--headless", "--no-sandbox", "--disable-gpu", "--virtual-time-budget=5000"]
    command += [f"--window-size={width},600", f"--blink-settings=preferredColorScheme={0 if dark else 1}"]
    command += [f"--user-data-dir={page.parent / 'browser'}", "--dump-dom", f"{tried.as_uri()}{address}"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    found = re.search(r'<pre id="returned">(.*?)</pre>', done.stdout, flags=re.S)
    assert found, done.stderr[-2000:]
    returned = json.loads(unescape(found[1]))
    assert not returned["wrong"], returned["wrong"]
    return returned.get("value")
