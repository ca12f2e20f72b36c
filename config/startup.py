"""What must hold before a web, worker or beat process may start."""

from __future__ import annotations

import sys

from django.core.exceptions import ImproperlyConfigured
from django.db import DatabaseError, connections

from gateways import vault

# gunicorn gives up when a worker ends with this status, and starts another one after any other.
_WORKER_BOOT_ERROR = 3


def refuse_wrong_master_keys() -> None:
    """End the process with one clear line if the vault cannot open what this installation has sealed.

    It would only hold gateway after gateway, and seal new values with a key that is wrong.
    """
    try:
        vault.check_master_keys()
    except (ImproperlyConfigured, DatabaseError) as error:
        reason = str(error).strip().partition("\n")[0]
        sys.stderr.write(f"Not started: the master keys of the vault cannot be confirmed. {reason}\n")
        raise SystemExit(_WORKER_BOOT_ERROR) from error
    finally:
        # Processes that are forked from this one must not share its connection.
        connections.close_all()
