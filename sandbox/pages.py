"""The plain HTML of the vendors' login and consent pages: for phones, light and dark, without JavaScript."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape

from werkzeug.wrappers import Response

from sandbox.logins import LOGINS

__all__ = ["MAGIC_LOGINS", "alert", "escape", "hidden", "page"]

_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark"><link rel="icon" href="data:,"><title>{title}</title>
<style>
:root {{ color-scheme: light dark; --ink: #1c2126; --paper: #fff; --line: #6b7480; --calm: #f1f4f7; --act: #0b5cad;
  --on-act: #fff; --bad: #b3261e }}
@media (prefers-color-scheme: dark) {{ :root {{ --ink: #e8ebee; --paper: #15191d; --line: #8b949e; --calm: #22282e;
  --act: #8ec2ff; --on-act: #0b1a2a; --bad: #ffb4ab }} }}
* {{ box-sizing: border-box }}
body {{ margin: 0; padding: 1rem; color: var(--ink); background: var(--paper); font: 1rem/1.5 system-ui, sans-serif }}
main {{ max-width: 30rem; margin: 0 auto; overflow-wrap: anywhere }}
h1 {{ font-size: 1.5rem; line-height: 1.25 }}
h2 {{ font-size: 1.1rem; margin-top: 2rem }}
label {{ display: block; margin-top: 1rem; font-weight: 600 }}
input, select {{ width: 100%; margin-top: .25rem; padding: .7rem; font: inherit; color: inherit;
  background: var(--paper); border: 1px solid var(--line); border-radius: .4rem }}
input[type=radio], input[type=checkbox] {{ width: auto; margin-right: .5rem }}
button {{ width: 100%; min-height: 3rem; margin-top: 1rem; padding: .7rem; font: inherit; font-weight: 600;
  cursor: pointer; color: var(--act); background: none; border: 2px solid var(--act); border-radius: .4rem }}
button.primary {{ color: var(--on-act); background: var(--act) }}
:focus-visible {{ outline: 3px solid var(--act); outline-offset: 2px }}
[role=alert] {{ padding: .7rem 1rem; color: var(--bad); border: 2px solid var(--bad); border-radius: .4rem }}
.stand-in {{ padding: .5rem 1rem; background: var(--calm); border-radius: .4rem }}
dt {{ margin-top: .6rem }} dd {{ margin-left: 0 }} code {{ font-size: 1rem }}
</style></head>
<body><main>
<h1>{title}</h1>
{body}
</main></body></html>
"""

MAGIC_LOGINS = f"""<section aria-labelledby="logins"><h2 id="logins">Logins to try</h2>
<p class="stand-in">This is a stand-in for trying things out, and nobody's real account. The user name decides what
happens; any password will do. Add + and a word for another owner: <code>ok+anna</code>.</p>
<dl>{"".join(f"<dt><code>{name}</code></dt><dd>{escape(said)}</dd>" for name, said in LOGINS.items())}</dl></section>"""


def page(title: str, body_html: str, status: int = 200) -> Response:
    """Return a page under the heading `title`, which is escaped here; the body is the caller's HTML."""
    html = _PAGE.format(title=escape(title), body=body_html)
    # A login page that a browser keeps would send a transaction that is over.
    return Response(html, status, {"Cache-Control": "no-store"}, content_type="text/html; charset=utf-8")


def alert(text: str) -> str:
    """Return what went wrong, for the top of a form; nothing for an empty text."""
    return f'<p role="alert">{escape(text)}</p>' if text else ""


def hidden(fields: Mapping[str, str]) -> str:
    return "".join(f'<input type="hidden" name="{escape(name)}" value="{escape(fields[name])}">' for name in fields)
