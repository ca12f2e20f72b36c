"""A serial once per system, rounds of pulls, queues held by the push, and an index to prune old messages by."""

from __future__ import annotations

from typing import Any

from django.db import migrations, models


def index_age_of_messages(_: Any, schema_editor: Any) -> None:
    """Messages are written in order of time: ranges of blocks say enough, and cost the push nothing."""
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute(
            "CREATE INDEX message_created ON ingest_message USING brin (created_at) WITH (autosummarize = on)"
        )


def drop_index(_: Any, schema_editor: Any) -> None:
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute("DROP INDEX message_created")


class Migration(migrations.Migration):
    dependencies = (("ingest", "0003_minutes"),)
    operations = (
        migrations.RemoveConstraint(model_name="der", name="der_once_per_system"),
        migrations.AddConstraint(
            model_name="der",
            constraint=models.UniqueConstraint(fields=("system", "sn"), name="der_serial_once_per_system"),
        ),
        migrations.AddField(
            model_name="gatewayqueue",
            name="held_by_push",
            field=models.BooleanField(
                db_default=False, default=False, help_text="Held because of the key: goes on with the next key."
            ),
        ),
        migrations.AddConstraint(
            model_name="gatewayqueue",
            constraint=models.CheckConstraint(
                condition=models.Q(("held_by_push", False), ("held_at__isnull", False), _connector="OR"),
                name="queue_held_by_push_is_held",
            ),
        ),
        migrations.AddField(
            model_name="system",
            name="tried_at",
            field=models.DateTimeField(blank=True, help_text="When it was last read, or could not be.", null=True),
        ),
        migrations.AddField(
            model_name="connection",
            name="round_began_at",
            field=models.DateTimeField(
                blank=True,
                editable=False,
                help_text="Since when its systems are gone through, between slices.",
                null=True,
            ),
        ),
        migrations.RunPython(index_age_of_messages, drop_index),
    )
