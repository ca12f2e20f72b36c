from __future__ import annotations

from django.db import models

from ingest.models.connection import Connection
from ingest.models.system import System


class PullRun(models.Model):
    """One pull of one system (or, without a system, one listing of a connection's systems)."""

    class Outcome(models.TextChoices):
        RUNNING = "running"
        OK = "ok"
        UNAVAILABLE = "unavailable"
        THROTTLED = "throttled"
        AUTH_FAILED = "auth_failed", "auth failed"
        REPLY_INVALID = "reply_invalid", "reply invalid"
        UNSUPPORTED = "unsupported"
        ERROR = "error", "a fault of the portal"
        LOST = "lost", "lost with its worker"

    connection = models.ForeignKey(Connection, on_delete=models.CASCADE, related_name="pull_runs")
    system = models.ForeignKey(System, on_delete=models.CASCADE, null=True, blank=True, related_name="pull_runs")
    outcome = models.CharField(max_length=13, choices=Outcome, default=Outcome.RUNNING)
    window_start = models.DateTimeField(null=True, blank=True)
    window_end = models.DateTimeField(null=True, blank=True)
    started_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True, blank=True)
    requests = models.PositiveIntegerField(default=0)
    readings = models.PositiveIntegerField(default=0, help_text="Valid readings received.")
    changed = models.PositiveIntegerField(default=0, help_text="Of these, new or changed.")
    dropped = models.PositiveIntegerField(default=0, help_text="Records that could not be true.")
    error = models.CharField(max_length=500, blank=True)

    class Meta:
        ordering = ("-started_at",)
        indexes = (
            models.Index(fields=("connection", "-started_at")),
            models.Index(fields=("started_at",), name="pull_run_started"),
            models.Index(fields=("started_at",), condition=models.Q(outcome="running"), name="pull_run_running"),
        )
        constraints = (
            models.CheckConstraint(
                condition=models.Q(outcome="running", finished_at__isnull=True)
                | (~models.Q(outcome="running") & models.Q(finished_at__isnull=False)),
                name="pull_run_finished_has_time",
            ),
        )

    def __str__(self) -> str:
        return f"{self.outcome} {self.started_at:%Y-%m-%d %H:%M}"
