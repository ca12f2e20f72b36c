"""What docs/webhooks.md tells partners is true: verifier, vectors, events and the table of tries."""

from __future__ import annotations

import re
from itertools import pairwise

import pytest

from gateways import events
from onboarding.webhooks import deliveries, signing
from tests.onboarding.webhooks.receiver import DOCUMENTED, TEXT

pytestmark = pytest.mark.once
is_ours, answer = DOCUMENTED["is_ours"], DOCUMENTED["answer"]
SECRET, AT = "an-example-secret-of-a-webhook", 1781481600
SIZES = {"s": 1, "min": 60, "h": 3600}


@pytest.fixture
def vector() -> tuple[dict[str, str], bytes]:
    body = re.search(r"```json\n(.*)\n```", TEXT)
    signature = re.search(r"has the signature `(v1=[0-9a-f]{64})`", TEXT)
    assert body
    assert signature
    return {"Portal-Timestamp": str(AT), "Portal-Signature": signature[1]}, body[1].encode()


def test_the_vector_is_ours_for_five_minutes(vector) -> None:
    headers, body = vector
    assert [is_ours(headers, body, SECRET, AT + later) for later in (-299, 0, 299, 300)] == [True, True, True, False]
    assert headers["Portal-Signature"] == signing.signature(body, timestamp=AT, secrets=[SECRET])


def test_a_changed_vector_is_not(vector) -> None:
    headers, body = vector
    assert not is_ours(headers, body.replace(b"test", b"text"), SECRET, AT)
    assert not is_ours(headers, body, "another secret", AT)
    assert not is_ours(headers | {"Portal-Timestamp": str(AT + 1)}, body, SECRET, AT)
    assert not is_ours(headers | {"Portal-Signature": "v1=ö"}, body, SECRET, AT)


def test_either_of_two_signatures_will_do(vector) -> None:
    _, body = vector
    both = signing.signature(body, timestamp=AT, secrets=["the new secret", SECRET])
    headers = {"Portal-Timestamp": str(AT), "Portal-Signature": both}
    assert is_ours(headers, body, SECRET, AT)
    assert is_ours(headers, body, "the new secret", AT)


def test_the_answer_to_the_challenge_is_the_documented_one() -> None:
    told = re.search(r"the challenge `k3y` give `([0-9a-f]{64})`", TEXT)
    assert told
    assert answer("k3y", SECRET) == {"response": told[1]} == {"response": signing.response("k3y", SECRET)}


def test_who_answers_challenges_signs_no_delivery(vector) -> None:
    headers, body = vector
    asked = f"{AT}.{body.decode()}"
    assert answer(asked, SECRET)["response"] != headers["Portal-Signature"].removeprefix("v1=")


def test_all_events_stand_in_the_table() -> None:
    table = TEXT.partition("## Events\n")[2].partition("\n## ")[0]
    told = dict(re.findall(r"^\| `(\S+)` \| (.+) \|$", table, re.MULTILINE))
    assert told == dict(events.NAMES)


def test_the_gaps_are_those_of_the_table() -> None:
    rows = re.findall(r"^\| (\d+)(?: and more)? \| (\d+) (s|min|h) \|$", TEXT, re.MULTILINE)
    assert [int(number) for number, _, _ in rows] == list(range(1, len(rows) + 1))
    assert tuple(int(size) * SIZES[unit] for _, size, unit in rows) == deliveries.GAPS_S
    assert all(later > earlier for earlier, later in pairwise(deliveries.GAPS_S))
