"""What all actions begin and end with."""

from __future__ import annotations

from typing import NoReturn, TypeVar

from django.core.exceptions import ValidationError
from django.db.models import Model

from gateways import events
from gateways.models import Gateway, GatewayType

ModelT = TypeVar("ModelT", bound=Model)


def begin(row: Gateway | GatewayType) -> None:
    """Take the partner's lock, then read the row as it is now."""
    events.lock(row.partner_id)
    row.refresh_from_db()


def begin_with(gateway: Gateway, *allowed: Gateway.Status, otherwise: str) -> None:
    """Begin with a gateway that must be in one of these states; `otherwise` says what to do if it is not."""
    begin(gateway)
    if gateway.status not in allowed:
        refuse(f"{gateway} is {gateway.status}. {otherwise}")


def validated(row: ModelT) -> ModelT:
    row.full_clean()
    return row


def refuse(message: str, *, field: str = "") -> NoReturn:
    """Raise ValidationError; `field` names the argument that is at fault, if it is one alone."""
    raise ValidationError({field: message} if field else message)
