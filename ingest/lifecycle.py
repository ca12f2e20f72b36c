"""Steps of a gateway's life that talk to SEN: registration with the sandbox, inception."""

from __future__ import annotations

from datetime import datetime

from django.conf import settings
from django.core.exceptions import ValidationError

from gateways import actions, queries, vault
from gateways.events import By
from gateways.models import Gateway, GatewayKey, GatewayType
from ingest import sen
from ingest.sen import graphql, http

_DONE = frozenset({200, 201})


def register_in_sandbox(*, gateway: Gateway, by: By, now: datetime) -> Gateway:
    """Make the sandbox's SEN know a gateway and its pending key, and note it. Raises SenError, ValidationError.

    The real SEN has no call for this: there the registration CSV is handed to Sourceful and marked by hand.
    """
    if not gateway.partner.is_sandbox:
        msg = "Only gateways of sandbox partners can be registered by a call: export the registration CSV instead."
        raise ValidationError(msg)
    kind = gateway.gateway_type
    shared = kind.key_strategy == GatewayType.KeyStrategy.GLOBAL
    owner = kind if shared else gateway
    pending = owner.keys.filter(state=GatewayKey.State.PENDING).first()
    _post("types", {"prefix": kind.prefix})
    if pending and shared:
        _post(f"types/{kind.prefix}/keys", {"public_key": pending.public_key})
    if gateway.status == Gateway.Status.CREATED:
        own_key = {"public_key": pending.public_key} if pending and not shared else {}
        _post("gateways", {"id": gateway.serial, **own_key})
        return actions.register_gateway(gateway=gateway, by=by, now=now)
    if pending is None:
        msg = f"{gateway} and its key are registered already."
        raise ValidationError(msg)
    if not shared:
        _post(f"gateways/{gateway.serial}/keys", {"public_key": pending.public_key})
    actions.activate_key(owner=owner, by=by, now=now)
    return gateway


def register(*, gateway: Gateway, by: By, now: datetime) -> Gateway:
    """Note that SEN knows a gateway and its key; a sandbox partner's is made known first. Raises SenError."""
    if gateway.partner.is_sandbox:
        return register_in_sandbox(gateway=gateway, by=by, now=now)
    return actions.register_gateway(gateway=gateway, by=by, now=now)


def incept(*, gateway: Gateway, by: By, now: datetime, dry_run: bool = False, app_form: bool = False) -> bool:
    """Ask SEN to bind the gateway to its wallet; a success is noted as owned, a rehearsal changes nothing.

    Returns whether SEN agrees. `app_form` sends the message form of api/crypto/sign instead of `ID:WALLET`.
    Raises SenError, VaultError, and ValidationError when the gateway is not ready for it.
    """
    key = queries.active_key(gateway)
    if gateway.status != Gateway.Status.REGISTERED or gateway.wallet is None or key is None:
        msg = f"{gateway} must be registered, with its wallet named and a key that SEN knows, before it can be bound."
        raise ValidationError(msg)
    url = sen.graphql_url(gateway.partner.environment)
    names = {"gateway": gateway.serial, "wallet": gateway.wallet.address}
    message = graphql.app_message(**names, now=now) if app_form else graphql.classic_message(**names)
    signer = vault.signer_for(key.uri, key.public_key)
    bound = graphql.initialize(url, message=message, signer=signer, dry_run=dry_run)
    # Owned already by the very same wallet: an earlier answer was lost.
    bound = bound or graphql.owner(url, gateway=gateway.serial) == gateway.wallet.address
    if bound and not dry_run:
        actions.own_gateway(gateway=gateway, by=by, now=now)
    return bound


def learn_owner(*, gateway: Gateway, by: By, now: datetime) -> Gateway:
    """Note the wallet that an app has had SEN bind the gateway to; nothing, if there is none.

    Raises SenError, and ValidationError where another wallet is named here.
    """
    address = graphql.owner(sen.graphql_url(gateway.partner.environment), gateway=gateway.serial)
    return actions.learn_owner(gateway=gateway, address=address, by=by, now=now) if address else gateway


def _post(path: str, body: dict[str, str]) -> None:
    http.post_json(f"{settings.SANDBOX_URL}/sen/__admin/{path}", body, accept=_DONE)
