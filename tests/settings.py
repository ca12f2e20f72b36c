"""The settings of the test run: `config.settings` with what a test needs, whatever `.env` holds.

The variables also reach the real workers and web processes that some tests start. DATABASE_URL chooses the database;
without it the tests run on SQLite.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

for _foreign in ("REDIS_URL", "METRICS_TOKEN", "ALLOWED_HOSTS", "DEBUG"):
    os.environ.pop(_foreign, None)
os.environ.update(
    ENV_FILE=os.devnull,
    # conftest.py makes it and takes it away; mypy, which reads these settings too, needs none.
    VAR_DIR=str(Path(tempfile.gettempdir()) / f"portal-tests-{os.getpid()}"),
    SECRET_KEY="only for tests",
    VAULT_KEYS="k1:MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=",
    HTTPS="false",
    LOG_FORMAT="console",
)
# Workers of one run have it from the process that starts them.
os.environ.setdefault("TEST_RUN_DIR", os.environ["VAR_DIR"])

from config.settings import *  # noqa: E402, F403  the environment above has to stand first
from config.settings import DATABASES, VAR_DIR  # noqa: E402

# Slow on purpose in production; the tests sign in often.
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher", "gateways.oauth.hashers.ClientSecretHasher"]
# The manifest needs collectstatic, the shared cache and the broker a server; tests of those bring them up.
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
CELERY_BROKER_URL = "memory://"

if DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3":
    # A file, not memory: threads and processes share it, with the WAL and the locks of the real thing.
    DATABASES["default"]["TEST"] = {"NAME": str(VAR_DIR / "test.sqlite3")}
else:
    # A client that keeps its connection to the live server open keeps a thread there, whose own connection to the
    # database would outlast the test and stand in the way of dropping the database.
    DATABASES["default"]["CONN_MAX_AGE"] = 0
