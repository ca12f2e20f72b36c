"""What docs/join-flows.md tells partners is true: its verifier and its vector, and an answer of ours."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.conf import settings
from django.test import Client

from onboarding import flows
from tests.onboarding.flows.walk import Site, come_back

TEXT = (settings.BASE_DIR / "docs" / "join-flows.md").read_text()
SECRET = "an-example-secret-of-a-flow"
AT = 1781481600


@pytest.fixture
def is_ours() -> Any:
    found = re.search(r"```python\n(.*?)```", TEXT, re.DOTALL)
    assert found
    names: dict[str, Any] = {}
    exec(found[1], names)  # noqa: S102  that is what is tested
    return names["is_ours"]


@pytest.fixture
def vector() -> str:
    found = re.search(r"^```\n(from=.*)\n```", TEXT, re.MULTILINE)
    assert found
    return found[1]


def test_the_vector_is_ours_for_five_minutes(is_ours: Any, vector: str) -> None:
    assert [is_ours(vector, SECRET, AT + later) for later in (0, 299, 300)] == [True, True, False]


@pytest.mark.parametrize(
    "change", [("k3y", "key"), ("ts=1", "ts=2"), ("=0b0e", "=1b0e"), ("&signature=0", "&signature=1")]
)
def test_a_changed_vector_is_not(is_ours: Any, vector: str, change: tuple[str, str]) -> None:
    assert not is_ours(vector.replace(*change), SECRET, AT)
    assert not is_ours(vector, "another secret", AT)


def test_an_answer_of_ours_is_ours(is_ours: Any, site: Site, client: Client) -> None:
    back = come_back(client, code="anna", state=site.begin(client)["state"])
    query = urlsplit(back["Location"]).query
    assert is_ours(query, flows.open_secret(site.flow))
    assert not is_ours(f"{query}&enrollmentID=other", flows.open_secret(site.flow))


def test_all_errors_there_are_stand_in_the_table() -> None:
    told = set(re.findall(r"^\| `(\w+)` \| ", TEXT.partition("| `error` |")[2], re.MULTILINE))
    code = "".join(
        (settings.BASE_DIR / "onboarding" / name).read_text()
        for name in ("vendor_oauth.py", "key_trips.py", "linking.py", "views/flows.py")
    )
    said = set(re.findall(r'(?:failed\(session, |JoinFailed\(\S+, |LinkRefused\(text, |error=)"(\w+)"', code))
    assert said == told
