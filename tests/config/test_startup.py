"""What happens at the start of real processes, in an environment like production's."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests import schema

pytestmark = pytest.mark.once

ROOT = Path(__file__).resolve().parents[2]
RIGHT = "k1:MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="
WRONG = "k1:ZmVkY2JhOTg3NjU0MzIxMGZlZGNiYTk4NzY1NDMyMTA="
MISSING = "k2:ZmVkY2JhOTg3NjU0MzIxMGZlZGNiYTk4NzY1NDMyMTA="
WEB = "-m", "gunicorn", "-c", "python:config.gunicorn", "--bind", "127.0.0.1:0", "config.wsgi"
WORKER = "-m", "celery", "-A", "config", "-q", "worker"
BEAT = "-m", "celery", "-A", "config", "-q", "beat"


PRODUCTION = {
    "SECRET_KEY": "3q9zW-7Yk1uV5tRx0sPbLmNcQaJdHfGe2iXoZ8rTyUwEvK6lC4",
    "VAULT_KEYS": RIGHT,
    "ALLOWED_HOSTS": "portal.example",
    "PUBLIC_URL": "https://portal.example",
    "DATABASE_URL": "postgres://portal:secret@db.example/portal",
    "REDIS_URL": "redis://redis.example/0",
}


def start(command, **variables):
    """Run a Python process with these variables and PATH alone; return it when it has ended."""
    env = {"PATH": os.environ["PATH"], "ENV_FILE": os.devnull, **variables}
    return subprocess.run(
        [sys.executable, *command], cwd=ROOT, env=env, capture_output=True, text=True, timeout=90, check=False
    )


@pytest.fixture
def embedded(tmp_path):
    """The environment of an installation on SQLite whose broker is away."""
    redis = "redis://127.0.0.1:1/0"
    return {"SECRET_KEY": "x" * 50, "VAULT_KEYS": RIGHT, "VAR_DIR": str(tmp_path), "REDIS_URL": redis}


@pytest.mark.django_db
def test_no_process_starts_without_the_master_key_this_installation_has_sealed_with(embedded, tmp_path):
    schema.copy_into(tmp_path)
    assert start(["manage.py", "migrate"], **embedded).returncode == 0
    assert start(["manage.py", "check", "--database", "default"], **embedded).returncode == 0
    for command in (WEB, WORKER, BEAT):
        ended = start(command, **{**embedded, "VAULT_KEYS": WRONG})
        assert ended.returncode != 0
        assert "Not started:" in ended.stderr
        assert "Master key k1 in VAULT_KEYS is not the key" in ended.stderr
        assert "Traceback" not in ended.stdout + ended.stderr
    ended = start(WEB, **{**embedded, "VAULT_KEYS": MISSING})
    assert ended.returncode != 0
    assert "Master key k1 is not in VAULT_KEYS" in ended.stderr
    assert "rotate_master_key" in ended.stderr


def test_an_empty_database_is_said_and_not_worked_on(embedded):
    ended = start(WEB, **embedded)
    assert ended.returncode != 0
    assert "Not started:" in ended.stderr


def test_without_a_secret_key_the_reader_is_told_what_to_do():
    assert "`make run` writes a .env with fresh secrets" in start(["manage.py", "check"]).stderr


def test_a_production_environment_passes_the_deployment_check_without_a_warning():
    ended = start(["manage.py", "check", "--deploy", "--fail-level", "WARNING"], **PRODUCTION)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout == "System check identified no issues (0 silenced).\n"
