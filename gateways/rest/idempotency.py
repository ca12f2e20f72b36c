"""Idempotency-Key: a POST that is sent again is answered again, and done once.

Answers are kept for a day, sealed. An answer that never came to be kept (the machine died in between) leaves the key
taken: nobody knows then whether it was done, and doing it twice is worse than asking.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import NoReturn

import orjson
from django.db import IntegrityError, transaction
from django.utils.crypto import salted_hmac
from rest_framework.request import Request
from rest_framework.response import Response

from gateways.models import IdempotentRequest
from gateways.oauth.tokens import Caller
from gateways.rest.problems import conflict, invalid
from gateways.rest.renderers import Json
from gateways.vault.fields import sealed_field

HEADER = "Idempotency-Key"
KEPT_FOR = timedelta(days=1)


class AlreadyDone(Exception):
    """The request was done before; `response` is what it was answered with."""

    def __init__(self, response: Response) -> None:
        super().__init__()
        self.response = response


def begin(request: Request, caller: Caller, *, now: datetime) -> IdempotentRequest | None:
    """Note that a request with a key begins; None for one without. Raises AlreadyDone, Problem."""
    key = request.headers.get(HEADER, "")
    if request.method != "POST" or not key:
        return None
    if not (len(key) <= 255 and key.isascii() and key.isprintable()):
        msg = "An Idempotency-Key is up to 255 printable ASCII characters."
        raise invalid(msg, field=HEADER)
    row = IdempotentRequest(client=caller.client, key=key, fingerprint=_fingerprint(request, caller), created_at=now)
    IdempotentRequest.objects.filter(client=caller.client, key=key, created_at__lt=now - KEPT_FOR).delete()
    try:
        with transaction.atomic():
            row.save()
    except IntegrityError:
        _repeat(IdempotentRequest.objects.filter(client=caller.client, key=key).first(), row.fingerprint)
    return row


def finish(row: IdempotentRequest, response: Response) -> None:
    """Keep the answer. A fault of ours or a vendor's is none: the same key may try again."""
    if response.status_code >= 500:
        row.delete()
        return
    row.status, row.location = response.status_code, response.headers.get("Location", "")
    sealed_field(IdempotentRequest, "answer").seal(row, (Json().render(response.data) or b"null").decode())
    row.save()


def prune(*, now: datetime) -> int:
    """Forget answers older than a day; return how many."""
    return IdempotentRequest.objects.filter(created_at__lt=now - KEPT_FOR).delete()[0]


def _repeat(known: IdempotentRequest | None, fingerprint: str) -> NoReturn:
    if known and known.fingerprint != fingerprint:
        msg = "This Idempotency-Key was used for another request: take a new one."
        raise conflict(msg, slug="idempotency-key-reused")
    if known is None or known.status is None:
        msg = "The request with this Idempotency-Key is still under way, or was cut off: look whether it was done."
        raise conflict(msg, slug="idempotency-key-in-use")
    data = orjson.loads(sealed_field(IdempotentRequest, "answer").unseal(known))
    headers = {"Idempotent-Replayed": "true"} | ({"Location": known.location} if known.location else {})
    raise AlreadyDone(Response(data, status=known.status, headers=headers))


def _fingerprint(request: Request, caller: Caller) -> str:
    # The middleware in front may have read the body; Django keeps it. An app has one key space for all homeowners, and
    # none of them is told what another one was answered.
    user = caller.user.pk if caller.user else ""
    whole = f"{user} {request.method} {request.get_full_path()}\n".encode() + request.body
    # Keyed: a plain digest of a body with somebody's password would let a thief of the database try passwords.
    return salted_hmac("idempotency", whole, algorithm="sha256").hexdigest()
