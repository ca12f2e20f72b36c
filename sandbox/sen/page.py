"""GET /: what SEN has, for people."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from typing import Any

from werkzeug.wrappers import Request, Response

from sandbox.sen.api import name_of
from sandbox.sen.ledger import Ledger
from sandbox.server import World

_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta http-equiv="refresh" content="10"><title>SEN (stand-in)</title>
<style>body {{ font: 15px/1.5 system-ui, sans-serif; margin: 2rem }} table {{ margin-bottom: 2rem }}
td, th {{ padding: .15rem .8rem .15rem 0; text-align: left }}</style></head>
<body><h1>SEN (stand-in)</h1>
<p>{points} points of {gateways} gateways; {duplicates} came again, {conflicts} of those with other content.
It is {now}.</p>
{tables}
</body></html>
"""
_GATEWAYS = """
SELECT g.id, g.wallet, count(p.id) AS points, datetime(max(p.ts) / 1000, 'unixepoch') AS newest
FROM sen_gateways g LEFT JOIN sen_points p ON p.device = g.id GROUP BY g.id ORDER BY g.id LIMIT 200
"""
_POINTS = """
SELECT device, sn, datetime(ts / 1000, 'unixepoch') AS at, data, receipts FROM sen_points ORDER BY id DESC LIMIT 20
"""


class Page:
    """Gateways, newest points and newest posts as plain tables."""

    def __init__(self, world: World, ledger: Ledger) -> None:
        self._state, self._clock, self._ledger = world.state, world.clock, ledger

    def __call__(self, _: Request) -> Response:
        tables = {
            "Gateways": [{"name": name_of(row["id"]), **dict(row)} for row in self._state.rows(_GATEWAYS)],
            "Newest points": [dict(row) for row in self._state.rows(_POINTS)],
            "Newest posts": self._ledger.newest(),
        }
        text = "\n".join(f"<h2>{title}</h2>\n{_table(rows)}" for title, rows in tables.items())
        now = self._clock.now().strftime("%Y-%m-%d %H:%M:%S UTC")
        html = _PAGE.format(tables=text, now=now, **self._ledger.totals())
        return Response(html, content_type="text/html; charset=utf-8")


def _table(rows: list[dict[str, Any]]) -> str:
    if not rows:
        return "<p>None yet.</p>"
    return f"<table>{_row('th', rows[0])}{''.join(_row('td', row.values()) for row in rows)}</table>"


def _row(cell: str, values: Iterable[Any]) -> str:
    texts = (escape("" if value is None else str(value)) for value in values)
    return f"<tr>{''.join(f'<{cell}>{text}</{cell}>' for text in texts)}</tr>"
