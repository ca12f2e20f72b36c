"""What browsers take back to a partner at the end of a trip of its flow: signed, and to the flow's own address only.

The format is described for partners in docs/join-flows.md.
"""

from __future__ import annotations

import hashlib
import hmac
from datetime import datetime
from urllib.parse import quote, urlencode, urlsplit

from onboarding import flows
from onboarding.models import JoinFlow

MAX_STATE = 2000
# What may stand in a query as it is, without & and #; `iri_to_uri`, through which redirects go, leaves it alone, too.
_PLAIN = "%!$'()*+,/:;=?@-._~"


def raw_state(query_string: str) -> str:
    """Return the partner's `state` as it stands in a query: it goes back byte for byte, also where it is no UTF-8."""
    for pair in query_string.split("&"):
        name, _, value = pair.partition("=")
        if name == "state":
            return quote(value.encode("latin-1"), safe=_PLAIN)  # WSGI gives bytes as latin-1
    return ""


def url(flow: JoinFlow, state: str, *, now: datetime, **answer: str) -> str:
    """Return the flow's redirect URI with an answer and its signature; `state` as `raw_state` gave it.

    The signature is the HMAC-SHA256, in hex, of all that stands in the query before it. Raises VaultError.
    """
    query = urlencode({**answer, "ts": str(int(now.timestamp()))}, quote_via=quote)
    joint = "&" if "?" in flow.redirect_uri else "?"
    address = f"{flow.redirect_uri}{joint}{f'state={state}&' if state else ''}{query}"
    signed = urlsplit(address).query.encode()
    signature = hmac.new(flows.open_secret(flow).encode(), signed, hashlib.sha256).hexdigest()
    return f"{address}&signature={signature}"
