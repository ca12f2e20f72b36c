"""axe-core, which knows the rules of WCAG that a machine can check."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import Page

_SOURCE = (Path(__file__).parent / "vendor" / "axe.min.js").read_text(encoding="utf-8")
_LEVELS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
_RUN = "async levels => (await axe.run(document, {runOnly: levels, resultTypes: ['violations']})).violations"


def violations(page: Page) -> list[str]:
    """Return what is wrong with `page` as it stands now: each rule with the elements that break it.

    The browser's debugger runs the script, so the page's content security policy stays as it is.
    """
    page.evaluate(_SOURCE)
    return [
        f"{rule['id']}: {rule['help']}: " + ", ".join(str(node["target"]) for node in rule["nodes"])
        for rule in page.evaluate(_RUN, _LEVELS)
    ]
