"""`python -m onboarding.dotenv FILE`: write settings with fresh secrets for a machine of one's own.

It runs before there are settings, so it imports nothing of Django.
"""

from __future__ import annotations

import base64
import os
import secrets
import sys


def write(path: str) -> None:
    """Write the file, readable for its owner alone; raise FileExistsError rather than lose the secrets of another."""
    master_key = base64.b64encode(secrets.token_bytes(32)).decode()
    lines = (
        "# Written by `make run`. What is sealed in the database opens with these VAULT_KEYS only: keep them together.",
        f"SECRET_KEY={secrets.token_urlsafe(48)}",
        f"VAULT_KEYS=k1:{master_key}",
        "HTTPS=false",
        "LOG_FORMAT=console",
    )
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    write(sys.argv[1])
