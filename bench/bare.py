"""What the push is measured against: a loop that signs and posts messages it holds in memory, and no database.

Signer, envelope and client are the product's own.
"""

from __future__ import annotations

import itertools
import math
import time
from operator import itemgetter

from django.conf import settings

import bench.portal  # noqa: F401  before the models
from bench import role
from gateways import queries, vault
from ingest import sen
from ingest.models import Message
from ingest.sen import client, envelope, errors

_Row = tuple[int, str, str, str, str, str]
_poster = client.Poster(sen.data_url("sandbox"), user_agent=settings.USER_AGENT)


def answer(*, messages: int) -> dict[str, float]:
    """Post the oldest `messages` that wait, each gateway's one after the other; return messages and seconds."""
    names = ("gateway_id", "gateway__serial", "gateway__gateway_type__model", "gateway__gateway_type__dtype")
    rows = list(Message.objects.order_by("pk").values_list(*names, "der__sn", "payload")[:messages])
    rows.sort(key=itemgetter(0))
    keys = queries.active_keys({row[0] for row in rows})
    signers = {pk: vault.signer_for(uri, public_key) for pk, (public_key, uri) in keys.items()}
    delivered: list[int] = []
    lanes = [
        _lane(signers[pk], list(of_gateway), delivered) for pk, of_gateway in itertools.groupby(rows, key=itemgetter(0))
    ]
    begin = time.monotonic()
    _poster.run(lanes, until=math.inf)
    return {"messages": len(delivered), "seconds": time.monotonic() - begin}


def _lane(signer: vault.Signer, rows: list[_Row], delivered: list[int]) -> client.Lane:
    for gateway_id, serial, model, dtype, sn, payload in rows:
        reply = yield envelope.encode(
            device=serial, operation="testing", model=model, dtype=dtype, sn=sn, payload=payload, signer=signer
        )
        if errors.problem_with(reply) is None:
            delivered.append(gateway_id)


if __name__ == "__main__":
    role.serve(answer)
