from __future__ import annotations

from typing import Any

from django.db import migrations

# Until now every vendor had one way in.
_SCHEMES = {"solis": "apikeysecret", "solaredge": "apikey"}


def name_schemes(apps: Any, _editor: Any) -> None:
    for model in ("Connection", "VendorCredential", "HistoricalConnection", "HistoricalVendorCredential"):
        for vendor, scheme in _SCHEMES.items():
            apps.get_model("ingest", model).objects.filter(vendor=vendor, scheme="").update(scheme=scheme)


class Migration(migrations.Migration):
    dependencies = [("ingest", "0006_owners_consents")]
    operations = [migrations.RunPython(name_schemes, migrations.RunPython.noop)]
