"""How gunicorn serves the portal: `gunicorn -c python:config.gunicorn config.wsgi`."""

from __future__ import annotations

from config.settings import HOST, LOGGING, PORT, env

bind = f"{HOST}:{PORT}"
worker_class = "gthread"
workers = env.int("WEB_CONCURRENCY", default=1)
threads = env.int("WEB_THREADS", default=8)
logconfig_dict = LOGGING
# Nobody steers it over a socket of its own.
control_socket_disable = True
