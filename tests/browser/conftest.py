from __future__ import annotations

import os

from playwright.sync_api import expect

# Playwright keeps an event loop in the tests' thread, where Django would refuse to touch the database.
os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
expect.set_options(timeout=30_000)  # as long as it waits for a page; 5 s pass where others use the machine, too
