"""What must hold before a web, worker or beat process may start."""

from __future__ import annotations

import sys
from typing import NoReturn

from django.core.exceptions import ImproperlyConfigured
from django.db import DatabaseError, connections

from gateways import vault
from ingest import checks

# gunicorn gives up when a worker ends with this status, and starts another one after any other.
_WORKER_BOOT_ERROR = 3


def refuse_what_must_not_run() -> None:
    """End the process with one clear line if it could only do harm.

    With a wrong master key it would hold gateway after gateway and seal new values that nobody can open; with a
    production partner and a sandbox URL it would send people's readings to a stand-in.
    """
    try:
        vault.check_master_keys()
        for error in checks.production_never_talks_to_the_sandbox():
            _refuse(f"{error.msg} {error.hint}")
    except (ImproperlyConfigured, DatabaseError) as error:
        _refuse(f"the master keys of the vault cannot be confirmed. {str(error).strip().partition(chr(10))[0]}")
    finally:
        # Processes that are forked from this one must not share its connection.
        connections.close_all()


def _refuse(reason: str) -> NoReturn:
    sys.stderr.write(f"Not started: {reason}\n")
    raise SystemExit(_WORKER_BOOT_ERROR)
