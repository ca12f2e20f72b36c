"""Receipts of renewed tokens: on disk from when the vendor's answer is there until the database has it.

A file per account in VAR_DIR, sealed like the column it is for. VAR_DIR must survive a restart of the machine; workers
on several machines each take up their own receipts (`upkeep.take_up_receipts`).
"""

from __future__ import annotations

import contextlib
import os
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import orjson
from django.conf import settings

from ingest.models import Connection

_TIMES = ("renews", "received_at", "refresh_at", "expire_at")


@dataclass(frozen=True)
class Receipt:
    """What a row's columns are to become, if they still are those of `renews`."""

    renews: datetime
    """when the tokens were received that these renew"""
    secrets: str
    received_at: datetime
    refresh_at: datetime
    expire_at: datetime


def keep(row: Connection, *, renews: datetime) -> None:
    """Write the row's tokens down; they are on the disk when this returns."""
    _folder().mkdir(mode=0o700, parents=True, exist_ok=True)
    written = {
        "renews": renews,
        "secrets": row.secrets,
        "received_at": row.tokens_received_at,
        "refresh_at": row.tokens_refresh_at,
        "expire_at": row.tokens_expire_at,
    }
    draft = _path(row.uid).with_suffix(".draft")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(orjson.dumps(written))
        file.flush()
        os.fsync(file.fileno())
    draft.replace(_path(row.uid))
    with _open_folder() as folder:
        os.fsync(folder)


def read(uid: uuid.UUID) -> Receipt | None:
    """Return the receipt of an account, None if there is none."""
    try:
        written = orjson.loads(_path(uid).read_bytes())
    except FileNotFoundError:
        return None
    times = {name: datetime.fromisoformat(written[name]) for name in _TIMES}
    return Receipt(secrets=written["secrets"], **times)


def waiting() -> list[uuid.UUID]:
    """Return the accounts that have a receipt on this machine."""
    return [uuid.UUID(path.stem) for path in sorted(_folder().glob("*.json"))]


def forget(uid: uuid.UUID) -> None:
    _path(uid).unlink(missing_ok=True)


@contextlib.contextmanager
def _open_folder() -> Iterator[int]:
    folder = os.open(_folder(), os.O_RDONLY)
    try:
        yield folder
    finally:
        os.close(folder)


def _folder() -> Path:
    folder: Path = settings.VAR_DIR / "tokens"
    return folder


def _path(uid: uuid.UUID) -> Path:
    return _folder() / f"{uid}.json"
