from __future__ import annotations

import os

# Playwright keeps an event loop in the tests' thread, where Django would refuse to touch the database.
os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
