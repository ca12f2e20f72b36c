"""The reading table, partitioned by month on PostgreSQL from the start."""

from __future__ import annotations

from typing import Any

import django.db.models.deletion
from django.db import migrations, models


class CreatePartitionedModel(migrations.CreateModel):
    """CreateModel that makes a table PARTITION BY RANGE (ts) where the database can."""

    def database_forwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        model = to_state.apps.get_model(app_label, self.name)
        if schema_editor.connection.vendor != "postgresql":
            schema_editor.create_model(model)
            return
        sql, params = schema_editor.table_sql(model)
        schema_editor.execute(f"{sql} PARTITION BY RANGE (ts)", params or None)


class Migration(migrations.Migration):
    dependencies = (("ingest", "0001_initial"),)

    operations = (
        CreatePartitionedModel(
            name="Reading",
            fields=[
                ("pk", models.CompositePrimaryKey("der_id", "ts", blank=True, editable=False, primary_key=True, serialize=False)),
                ("ts", models.DateTimeField()),
                ("interval_s", models.PositiveIntegerField(default=0)),
                ("power_w", models.FloatField(blank=True, null=True)),
                ("energy_in_wh", models.DecimalField(blank=True, decimal_places=3, max_digits=16, null=True)),
                ("energy_out_wh", models.DecimalField(blank=True, decimal_places=3, max_digits=16, null=True)),
                ("total_in_wh", models.DecimalField(blank=True, decimal_places=3, max_digits=16, null=True)),
                ("total_out_wh", models.DecimalField(blank=True, decimal_places=3, max_digits=16, null=True)),
                ("soc", models.FloatField(blank=True, null=True)),
                ("voltage_v", models.FloatField(blank=True, null=True)),
                ("current_a", models.FloatField(blank=True, null=True)),
                ("frequency_hz", models.FloatField(blank=True, null=True)),
                ("temperature_c", models.FloatField(blank=True, null=True)),
                ("quality", models.CharField(default="measured", max_length=9)),
                ("received_at", models.DateTimeField()),
                (
                    "der",
                    models.ForeignKey(
                        db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="readings", to="ingest.der",
                    ),
                ),
            ],
        ),
    )  # fmt: skip
