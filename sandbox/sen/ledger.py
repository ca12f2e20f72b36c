"""What SEN has been sent: every post, and every point once."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from sandbox.server import World

PAGE = 1000
TABLES = """
CREATE TABLE IF NOT EXISTS sen_posts (
    id INTEGER PRIMARY KEY, at TEXT NOT NULL, call TEXT NOT NULL, status INTEGER NOT NULL, device TEXT, sn TEXT,
    bytes INTEGER NOT NULL, points INTEGER NOT NULL, reason TEXT, warning TEXT
);
CREATE INDEX IF NOT EXISTS sen_posts_status ON sen_posts (call, status);
CREATE INDEX IF NOT EXISTS sen_posts_reason ON sen_posts (id) WHERE reason IS NOT NULL;
CREATE INDEX IF NOT EXISTS sen_posts_warning ON sen_posts (id) WHERE warning IS NOT NULL;
CREATE TABLE IF NOT EXISTS sen_points (
    id INTEGER PRIMARY KEY, device TEXT NOT NULL, sn TEXT NOT NULL, ts INTEGER NOT NULL, type TEXT, dtype TEXT,
    data TEXT NOT NULL, latest TEXT, receipts INTEGER NOT NULL DEFAULT 1, conflicts INTEGER NOT NULL DEFAULT 0,
    received TEXT NOT NULL, public_key TEXT NOT NULL, UNIQUE (device, sn, ts)
);
"""
_STORE = """
INSERT INTO sen_points (device, sn, ts, type, dtype, data, received, public_key) VALUES (?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (device, sn, ts) DO UPDATE SET receipts = receipts + 1, conflicts = conflicts + (data <> excluded.data),
    latest = CASE WHEN data <> excluded.data OR latest IS NOT NULL THEN excluded.data END
"""


@dataclass(slots=True)
class Post:
    """One call to SEN and how it ended."""

    call: str
    status: int = 200
    device: str = ""
    sn: str = ""
    dtype: str = ""
    public_key: str = ""
    size: int = 0
    reason: str | None = None
    warning: str | None = None


class Ledger:
    """Posts and points in the sandbox's memory."""

    def __init__(self, world: World) -> None:
        self._state, self._clock = world.state, world.clock
        self._state.script(TABLES)

    def record(self, post: Post, points: dict[int, Any]) -> None:
        """Write a post and its points, by Unix ms, in one transaction.

        A point is known by (device, sn, ts). The first content stays; one that comes again is counted, and so is one
        that comes with other content, of which the newest is kept beside the first.
        """
        at = self._clock.now().isoformat(timespec="milliseconds")
        with self._state as state:
            state.run(
                "INSERT INTO sen_posts (at, call, status, device, sn, bytes, points, reason, warning)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                [at, post.call, post.status, post.device, post.sn, post.size, len(points), post.reason, post.warning],
            )
            state.many(
                _STORE,
                [(post.device, post.sn, ts, *_content(post, data), at, post.public_key) for ts, data in points.items()],
            )

    def points(self, *, device: str | None, sn: str | None, after: int) -> dict[str, Any]:
        """Return a page of points in the order they came; `next` is the `after` of the next page, null on the last."""
        wanted = [(column, value) for column, value in (("device", device), ("sn", sn)) if value is not None]
        where = "".join(f" AND {column} = ?" for column, _ in wanted)
        rows = self._state.rows(
            f"SELECT * FROM sen_points WHERE id > ?{where} ORDER BY id LIMIT {PAGE + 1}",  # noqa: S608
            [after, *(value for _, value in wanted)],
        )
        page = rows[:PAGE]
        return {"points": [_point(row) for row in page], "next": page[-1]["id"] if len(rows) > PAGE else None}

    def totals(self) -> dict[str, Any]:
        """Return the counts that tell how things stand, and the newest refusals and warnings, newest first."""
        posts = self._state.rows("SELECT status, count(*) AS n FROM sen_posts WHERE call = 'data' GROUP BY status")
        points = self._state.row(
            "SELECT count(*) AS points, coalesce(sum(receipts - 1), 0) AS duplicates,"
            " coalesce(sum(conflicts), 0) AS conflicts FROM sen_points"
        )
        gateways = self._state.row("SELECT count(*) AS gateways FROM sen_gateways")
        return {
            **dict(gateways or {}),
            "posts": {str(row["status"]): row["n"] for row in posts},
            **dict(points or {}),
            "rejections": self.newest("reason"),
            "warnings": self.newest("warning"),
        }

    def newest(self, column: str | None = None) -> list[dict[str, Any]]:
        """Return the newest 20 posts, only those with a `reason` or a `warning` if that is named."""
        where = f"WHERE {column} IS NOT NULL" if column else ""
        return [dict(row) for row in self._state.rows(f"SELECT * FROM sen_posts {where} ORDER BY id DESC LIMIT 20")]  # noqa: S608


def _content(post: Post, data: Any) -> tuple[str | None, str, str]:
    kind = data.get("type") if isinstance(data, dict) else None
    return (
        kind if isinstance(kind, str) else None,
        post.dtype,
        json.dumps(data, sort_keys=True, separators=(",", ":")),
    )


def _point(row: Any) -> dict[str, Any]:
    point = dict(row)
    return {**point, "data": json.loads(point["data"]), "latest": point["latest"] and json.loads(point["latest"])}
