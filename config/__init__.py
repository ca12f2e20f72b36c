"""Wiring: settings, URLs, the Celery app. It decides, it never computes."""

from config.celery import app as celery_app

__all__ = ["celery_app"]
