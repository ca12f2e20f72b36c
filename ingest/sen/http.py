"""Single JSON calls to SEN, for what is not the push path."""

from __future__ import annotations

from typing import Any

import requests
from django.conf import settings

from ingest.sen.errors import Answer, SenUnavailable, problem_with

_TIMEOUT_S = (5, 10)


def post_json(url: str, body: Any, *, accept: frozenset[int] = frozenset({200})) -> Any:
    """Post JSON and return the parsed answer (None when it is empty). Raises SenError by status, or for no JSON."""
    session = requests.Session()
    session.trust_env = False  # the machine's proxy and CA variables do not apply, ours do
    session.verify = settings.OUTGOING_CA_BUNDLE or True
    if settings.OUTGOING_PROXY:
        session.proxies = {"http": settings.OUTGOING_PROXY, "https": settings.OUTGOING_PROXY}
    headers = {"User-Agent": settings.USER_AGENT, "Accept": "application/json"}
    try:
        with session, session.post(url, json=body, headers=headers, timeout=_TIMEOUT_S, allow_redirects=False) as reply:
            answer = Answer(reply.status_code, reply.content[:2000])
            if reply.status_code not in accept:
                raise (problem_with(answer) or SenUnavailable)(str(answer))
            return reply.json() if reply.content else None
    except requests.JSONDecodeError as error:
        msg = f"SEN's answer is not JSON: {answer}"
        raise SenUnavailable(msg) from error
    except requests.RequestException as error:
        msg = f"SEN does not answer: {type(error).__name__}"
        raise SenUnavailable(msg) from error
