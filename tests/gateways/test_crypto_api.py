"""A gateway as an app finds it at api/crypto: the answers of hardware, for the app that its owner has let in."""

from __future__ import annotations

import re
from types import SimpleNamespace

import pytest
from django.contrib.auth.models import User
from django.test import Client as Browser
from django.utils import timezone

from gateways import actions, crypto, events, vault
from gateways.models import Client, Event, Gateway, IdempotentRequest
from gateways.oauth import clients, grants
from tests import factories
from tests.api.calling import Api, backend, token_of
from tests.gateways.lives import BY, NOW, WALLET, signing_key

pytestmark = [pytest.mark.django_db, pytest.mark.once]

TIME = "2025-03-27T12:00:00Z"
BOTH = ("gateways:read", "gateway:identity", "gateway:sign")
NOT_FOUND = {"status": "error", "message": "Gateway not found"}


@pytest.fixture
def home():
    """A registered gateway of Anna's, her app, and the app's calls with her token."""
    anna = User.objects.create_user("anna", "anna@example.com")
    gateway = registered(anna)
    app = app_of(gateway)
    grants.give(user=anna, client=app, gateways=[gateway], scopes=BOTH, now=NOW)
    return SimpleNamespace(owner=anna, gateway=gateway, app=app, api=Api(token_of(app, anna)))


def registered(owner: User | None, of: Gateway | None = None) -> Gateway:
    gateway = factories.gateway(of.gateway_type if of else None, owner=owner)
    return actions.register_gateway(gateway=gateway, **BY)


def app_of(gateway: Gateway) -> Client:
    made, _secret = clients.create_app(
        partner=gateway.partner, name="App", redirect_uris=["https://app.example/back"], allowed_scopes=BOTH, **BY
    )
    return made


def path(gateway: Gateway, rest: str = "") -> str:
    return f"/gateways/{gateway.serial}/api/crypto{rest}"


def sign(api: Api, gateway: Gateway, body=None, **options):
    return api.post(path(gateway, "/sign"), body, **options)


def raw(home, body: bytes, kind: str = "application/json"):
    return home.api.browser.generic("POST", path(home.gateway, "/sign"), body, kind)


def signatures() -> int:
    return Event.objects.filter(name=events.GATEWAY_SIGNED).count()


def test_identity_is_told_in_hardwares_words_and_order(home):
    answer = home.api.get(path(home.gateway))
    key = signing_key(home.gateway).public_key
    assert answer.content.decode() == (
        f'{{"deviceName":"partner_cloud","serialNumber":"{home.gateway.serial}","publicKey":"{key}"}}'
    )
    assert answer["Content-Type"] == "application/json"
    assert answer["Cache-Control"] == "private, no-cache"


def test_a_wallet_is_signed_and_the_signature_is_on_record(home):
    answer = sign(home.api, home.gateway, {"message": WALLET, "timestamp": TIME})
    assert answer.status_code == 200
    assert list(answer.json()) == ["message", "sign"]
    message, signature = answer.json().values()
    assert re.fullmatch(rf"{WALLET}\|\d{{6}}\|{TIME}\|{home.gateway.serial}", message)
    assert re.fullmatch("[0-9a-f]{128}", signature)
    assert vault.verify(signing_key(home.gateway).public_key, bytes.fromhex(signature), message.encode())
    event = Event.objects.get(name="gateway.signed")
    assert (event.subject, event.actor) == (f"gateway:{home.gateway.serial}", f"user:{home.owner.pk}")
    assert event.data == {"message": message, "client": home.app.client_id}
    assert "no-store" in answer["Cache-Control"]


@pytest.mark.parametrize("body", [{}, {"message": ""}, {"message": None}, {"unknown": 1}])
def test_without_a_message_only_nonce_time_and_serial_are_signed(home, body):
    before = timezone.now().replace(microsecond=0)
    message = sign(home.api, home.gateway, body).json()["message"]
    nonce, at, serial = message.split("|")
    assert (len(nonce), serial) == (6, home.gateway.serial)
    assert crypto.stamp(before) <= at <= crypto.stamp(timezone.now())


@pytest.mark.parametrize(
    "body,said",
    [
        ({"message": "a|b"}, "Message cannot contain | characters"),
        ({"message": "a", "timestamp": f"{TIME}|"}, "Timestamp cannot contain | characters"),
        ({"timestamp": "2025-03-27 12:00:00"}, "Timestamp must be in UTC Y-m-dTH:M:SZ format"),
        ({"timestamp": ""}, "Timestamp must be in UTC Y-m-dTH:M:SZ format"),
        ({"message": "eyJhbGciOiJFUzI1NiJ9.e30"}, "Message cannot contain . characters"),
        ({"message": "x" * 513}, "Message cannot be longer than 512 bytes"),
        ({"message": "\0"}, "Message must be text"),
        ({"message": 5}, "Message must be a string"),
        ({"timestamp": 1743076800}, "Timestamp must be a string"),
    ],
)
def test_what_is_not_signed_is_told_as_hardware_tells_it(home, body, said):
    refused = sign(home.api, home.gateway, body)
    assert (refused.status_code, refused["Content-Type"]) == (400, "application/json")
    assert refused.json() == {"status": "error", "message": said}
    assert list(refused.json()) == ["status", "message"]
    assert signatures() == 0


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'"text"', b'{"message":"\\ud800"}', b'{"message":"\xff"}'])
def test_what_is_no_json_object_is_told_so(home, body):
    refused = raw(home, body)
    assert (refused.status_code, refused.json()) == (400, {"status": "error", "message": "Invalid JSON"})


def test_a_body_larger_than_any_that_hardware_takes_is_not_read(home):
    assert raw(home, b'{"message":"' + b"x" * 5000 + b'"}').status_code == 413


@pytest.mark.parametrize("kind", ["text/plain", "", "application/x-www-form-urlencoded", "multipart/form-data"])
def test_json_is_read_whatever_it_is_called(home, kind):
    assert raw(home, b'{"message":"hello"}', kind).json()["message"].startswith("hello|")


def test_other_methods_and_paths_are_told_as_hardware_tells_them(home):
    for refused in (home.api.post(path(home.gateway)), home.api.get(path(home.gateway, "/sign"))):
        assert (refused.status_code, refused.json()["message"]) == (405, "Method not allowed")
    for rest in ("", "/", "/name", "/initialize", "/crypto/", "/crypto/sign/", "/crypto/sign/more"):
        missing = Browser(enforce_csrf_checks=True).post(f"/gateways/{home.gateway.serial}/api{rest}")
        assert (missing.status_code, missing.json()) == (404, {"status": "error", "message": "Endpoint not found"})


@pytest.mark.parametrize("token,challenge", [("", 'Bearer realm="api"'), ("x", 'Bearer realm="api", error="inv')])
def test_nobody_is_served_without_a_token(home, token, challenge):
    for refused in (Api(token).get(path(home.gateway)), sign(Api(token), home.gateway)):
        assert (refused.status_code, refused.json()["status"]) == (401, "error")
        assert refused["WWW-Authenticate"].startswith(challenge)
        assert refused["Content-Type"] == "application/json"


def test_a_token_that_may_tell_who_a_gateway_is_may_not_have_it_sign(home):
    api = Api(token_of(home.app, home.owner, "gateway:identity"))
    assert api.get(path(home.gateway)).status_code == 200
    refused = sign(api, home.gateway)
    assert (refused.status_code, refused.json()["status"]) == (403, "error")
    assert refused["WWW-Authenticate"].endswith('error="insufficient_scope", scope="gateway:sign"')


def test_a_home_given_for_less_is_not_signed_for_even_if_another_one_is(home):
    other = registered(home.owner, of=home.gateway)
    other.grants.create(client=home.app, user=home.owner, scopes=["gateways:read", "gateway:identity"], given_at=NOW)
    assert home.api.get(path(other)).status_code == 200
    assert sign(home.api, other).status_code == 403
    assert sign(home.api, home.gateway).status_code == 200


def test_a_backend_has_nobodys_home_sign(home):
    api = backend(home.gateway.partner)
    assert [api.get(path(home.gateway)).status_code, sign(api, home.gateway).status_code] == [403, 403]


def _not_ticked(home) -> Gateway:
    return registered(home.owner, of=home.gateway)


def _a_neighbors(home) -> Gateway:
    neighbor = User.objects.create_user("ben")
    gateway = registered(neighbor, of=home.gateway)
    grants.give(user=neighbor, client=home.app, gateways=[gateway], scopes=BOTH, now=NOW)
    return gateway


def _of_another_partner(home) -> Gateway:
    return registered(home.owner)


def _sold(home) -> Gateway:
    Gateway.objects.filter(pk=home.gateway.pk).update(owner=User.objects.create_user("ben"))
    return home.gateway


def _released(home) -> Gateway:
    return actions.release_gateway(gateway=home.gateway, **BY)


def _taken_back_for_this_home(home) -> Gateway:
    other = registered(home.owner, of=home.gateway)
    grants.give(user=home.owner, client=home.app, gateways=[other], scopes=BOTH, now=NOW)
    return home.gateway


@pytest.mark.parametrize("theirs", [_not_ticked, _a_neighbors, _of_another_partner, _taken_back_for_this_home])
def test_a_home_that_was_not_given_to_the_app_is_not_there(home, theirs):
    gateway = theirs(home)
    for refused in (home.api.get(path(gateway)), sign(home.api, gateway, {"message": WALLET})):
        assert (refused.status_code, refused.json()) == (404, NOT_FOUND)
    assert signatures() == 0


@pytest.mark.parametrize("gone", [_sold, _released])
def test_a_home_that_is_nobodys_to_give_any_more_is_not_signed_for(home, gone):
    gateway = gone(home)
    assert home.api.get(path(gateway)).status_code in {403, 404}
    assert sign(home.api, gateway).status_code in {403, 404}
    assert signatures() == 0


def test_a_gateway_without_a_key_that_signs_is_a_conflict(home):
    actions.ban_key(key=signing_key(home.gateway), reason="stolen", **BY)
    for refused in (home.api.get(path(home.gateway)), sign(home.api, home.gateway)):
        assert refused.status_code == 409
        assert refused.json() == {"status": "error", "message": "No key signs for this gateway now"}
    assert signatures() == 0


def test_a_gateway_signs_ten_times_a_minute(home, standing_clock):
    other = registered(home.owner, of=home.gateway)
    grants.give(user=home.owner, client=home.app, gateways=[home.gateway, other], scopes=BOTH, now=NOW)
    answers = [sign(home.api, home.gateway) for _ in range(11)]
    assert [one.status_code for one in answers] == [200] * 10 + [429]
    assert answers[0]["RateLimit-Policy"] == '"gateway";q=10;w=60'
    assert 1 <= int(answers[-1]["Retry-After"]) <= 60
    assert answers[-1].json()["status"] == "error"
    assert signatures() == 10
    assert home.api.get(path(home.gateway)).status_code == 200
    assert sign(home.api, other).status_code == 200


def test_a_stranger_uses_up_nothing_of_a_home(home):
    neighbors = _a_neighbors(home)
    stranger = Api(token_of(home.app, neighbors.owner))
    assert {sign(stranger, home.gateway).status_code for _ in range(10)} == {404}
    assert sign(home.api, home.gateway).status_code == 200


def test_a_signature_that_cannot_be_recorded_does_not_leave(home, monkeypatch):
    def fail(*_args, **_fields):
        raise RuntimeError("no space left")

    monkeypatch.setattr(events, "record", fail)
    refused = sign(home.api, home.gateway)
    assert (refused.status_code, list(refused.json())) == (500, ["status", "message"])
    assert "no space" not in refused.content.decode()


def test_a_request_that_is_sent_again_is_signed_once_and_nobody_else_is_told(home):
    again = {"headers": {"Idempotency-Key": "1"}}
    first = sign(home.api, home.gateway, {"message": WALLET}, **again)
    assert sign(home.api, home.gateway, {"message": WALLET}, **again).content == first.content
    assert signatures() == IdempotentRequest.objects.count() == 1
    neighbors = _a_neighbors(home)
    refused = sign(Api(token_of(home.app, neighbors.owner)), home.gateway, {"message": WALLET}, **again)
    assert refused.status_code == 409
    assert first.json()["sign"] not in refused.content.decode()
