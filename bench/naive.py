"""What the push is measured against: one Celery task a message, `jwt.encode` from PEM and `requests.post`.

`post` gets all it needs with the task and touches no database. `deliver` does the whole job in the plain way: it reads
its message, posts it and marks it delivered.
"""

from __future__ import annotations

import json
from typing import Any

import jwt
import requests
from celery import shared_task
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

_PEM = ec.generate_private_key(ec.SECP256R1()).private_bytes(
    serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
)


@shared_task
def post(*, url: str, headers: dict[str, str], payload: dict[str, Any]) -> None:
    """Sign and post one message."""
    token = jwt.encode(payload, _PEM, algorithm="ES256", headers=headers)
    requests.post(url, data=token, headers={"Content-Type": "text/plain"}, timeout=5).raise_for_status()


@shared_task
def deliver(*, url: str, message_id: int) -> None:
    """Read, sign and post one message, and mark it delivered."""
    from django.utils import timezone  # noqa: PLC0415

    from ingest.models import Message  # noqa: PLC0415  Celery imports its tasks before it sets Django up

    message = Message.objects.select_related("gateway__gateway_type", "der").get(pk=message_id)
    headers = header(message.gateway.serial, message.der.sn)
    post(url=url, headers=headers, payload=json.loads(message.payload))
    message.state, message.done_at = Message.State.DELIVERED, timezone.now()
    message.save(update_fields=["state", "done_at"])


def header(serial: str, sn: str) -> dict[str, str]:
    """Return the JWT header of a message."""
    return {"device": serial, "opr": "testing", "model": "partner_cloud", "dtype": "json", "sn": sn}
