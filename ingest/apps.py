from __future__ import annotations

from django.apps import AppConfig


class IngestConfig(AppConfig):
    name = "ingest"
    verbose_name = "Readings"

    def ready(self) -> None:
        from ingest import checks  # noqa: F401, PLC0415  registers the system checks
        from ingest.api import problems  # noqa: F401, PLC0415  registers what vendors and SEN refuse
