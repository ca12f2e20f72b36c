"""A uid for each system, by which the API names it; DERs are found by their serial."""

from __future__ import annotations

import itertools
import uuid
from typing import Any

from django.db import migrations, models

_BATCH = 1000


def fill(apps: Any, _: Any) -> None:
    """Give each system a uid of its own: the column came with one and the same for all of them."""
    systems = apps.get_model("ingest", "System").objects
    found = systems.only("pk").order_by("pk").iterator(chunk_size=_BATCH)
    while rows := list(itertools.islice(found, _BATCH)):
        for row in rows:
            row.uid = uuid.uuid4()
        systems.bulk_update(rows, ["uid"])


class Migration(migrations.Migration):
    dependencies = (("ingest", "0008_credentials_kept_early"),)
    operations = (
        migrations.AddField("system", "uid", models.UUIDField(default=uuid.uuid4, editable=False)),
        migrations.RunPython(fill, migrations.RunPython.noop),
        migrations.AlterField("system", "uid", models.UUIDField(default=uuid.uuid4, editable=False, unique=True)),
        migrations.AddIndex("der", models.Index(fields=("sn",), name="der_serial")),
    )
