"""SEN's GraphQL: inception, which binds a gateway to a wallet, and who owns what (sen.md 6 and 7).

The server knows no GraphQL variables, so values are written into the text, as JSON strings. It answers 200 to
GraphQL errors too.
"""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from gateways import crypto
from gateways.vault import Signer
from ingest.sen import http
from ingest.sen.errors import SenRefused


def classic_message(*, gateway: str, wallet: str) -> str:
    """Return what the gateway signs to name its wallet: `ID:WALLET`."""
    return f"{gateway}:{wallet}"


def app_message(*, gateway: str, wallet: str, now: datetime) -> str:
    """Return the message form of api/crypto/sign, used since 2025-03: `WALLET|NONCE|TIMESTAMP|ID`."""
    return crypto.compose(wallet, crypto.stamp(now), gateway)


def initialize(url: str, *, message: str, signer: Signer, dry_run: bool = False) -> bool:
    """Ask SEN to bind the wallet named in `message`, signed by the gateway's key; return whether it is bound.

    False means: unknown id, bad signature, or owned by another wallet. Raises SenError.
    """
    signature = signer.sign(message.encode()).hex()
    rehearsal = ",dryRun:true" if dry_run else ""
    data = _ask(
        url,
        "mutation{gatewayInception{initialize(gatewayInitialization:{"
        f"idAndWallet:{_text(message)},signature:{_text(signature)}{rehearsal}}}){{initialized}}}}}}",
    )
    inception = (data.get("gatewayInception") or {}).get("initialize") or {}  # either may be null
    return inception.get("initialized") is True


def owner(url: str, *, gateway: str) -> str | None:
    """Return the wallet SEN has for a gateway, or None."""
    data = _ask(url, f"{{gateway{{gateway(id:{_text(gateway)}){{wallet}}}}}}")
    found = (data.get("gateway") or {}).get("gateway") or {}
    return found.get("wallet") or None


def _ask(url: str, query: str) -> dict[str, Any]:
    answer = http.post_json(url, {"query": query}) or {}
    if answer.get("errors"):
        msg = f"SEN answered: {answer['errors'][0].get('message', 'an error without words')}"
        raise SenRefused(msg)
    return answer.get("data") or {}


def _text(value: str) -> str:
    return json.dumps(value)
