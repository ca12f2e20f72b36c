"""The ASGI application for servers that speak it; the portal itself is served by gunicorn over WSGI."""

from __future__ import annotations

import os

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
application = get_asgi_application()

from config.startup import refuse_what_must_not_run  # noqa: E402  needs the apps that the line above loads

refuse_what_must_not_run()
