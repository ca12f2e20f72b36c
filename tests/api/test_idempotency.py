"""Idempotency-Key: a POST that is sent again is answered again, and done once."""

from __future__ import annotations

from datetime import timedelta
from unittest import mock

import pytest
from django.utils import timezone

from gateways import actions
from gateways.models import Gateway, IdempotentRequest
from gateways.rest import idempotency
from ingest.vendors.errors import VendorThrottled
from tests import factories
from tests.api.calling import Api, backend, problem
from tests.together import at_once, needs_several_writers

pytestmark = pytest.mark.django_db

KEY = {"Idempotency-Key": "order 4711"}
SECRET = "S3CRET-that-nobody-keeps"


@pytest.fixture
def kind():
    return factories.gateway_type(prefix="acme")


@pytest.fixture
def api(kind):
    return backend(kind.partner)


def make(api, key=KEY, **more):
    return api.post("gateways", {"type": "acme", **more}, headers=key)


def test_a_request_that_is_sent_again_is_answered_again_and_done_once(api):
    first, again = make(api), make(api)
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.content == again.content
    assert first["Location"] == again["Location"]
    assert again["Idempotent-Replayed"] == "true"
    assert not first.has_header("Idempotent-Replayed")
    assert Gateway.objects.count() == 1


def test_without_a_key_or_with_another_one_it_is_done_again(api):
    ids = {make(api, key).json()["id"] for key in (None, None, KEY, {"Idempotency-Key": "order 4712"})}
    assert len(ids) == Gateway.objects.count() == 4


@pytest.mark.parametrize("at,body", [("gateways", {"type": "acme", "name": "B"}), ("gateway-types", {"type": "acme"})])
def test_a_key_stands_for_one_request(api, at, body):
    make(api)
    assert problem(api.post(at, body, headers=KEY)) == (409, "idempotency-key-reused")
    assert Gateway.objects.count() == 1


def test_only_who_has_our_key_could_try_what_stood_in_a_request(api, settings):
    make(api)
    settings.SECRET_KEY = "another"
    assert problem(make(api)) == (409, "idempotency-key-reused")


def test_another_client_may_use_the_same_key(api, kind):
    neighbor = backend(kind.partner)
    assert make(api).json()["id"] != make(neighbor).json()["id"]
    assert make(api)["Idempotent-Replayed"] == "true"


def test_who_may_not_do_it_takes_no_key(kind):
    assert problem(make(backend(kind.partner, "gateways:read"))) == (403, "insufficient-scope")
    assert not IdempotentRequest.objects.exists()


def test_a_refusal_is_answered_again_too(api):
    first = make(api, id="acme-1")
    assert problem(first) == (422, "refused")
    again = make(api, id="acme-1")
    assert (problem(again), again.content) == ((422, "refused"), first.content)
    assert again["Idempotent-Replayed"] == "true"


@pytest.mark.parametrize("error", [RuntimeError("a fault of ours"), VendorThrottled("slow down", retry_after=5)])
def test_a_fault_is_no_answer_and_the_same_key_tries_again(api, error):
    with mock.patch.object(actions, "create_gateway", side_effect=error):
        assert make(api).status_code in (500, 503)
    assert make(api).status_code == 201
    assert make(api)["Idempotent-Replayed"] == "true"


def test_a_request_beyond_the_limit_takes_no_key(kind, standing_clock):
    api = backend(kind.partner, requests_per_minute=1)
    api.get("gateways")
    assert problem(make(api)) == (429, "rate-limited")
    assert not IdempotentRequest.objects.exists()


def test_a_request_that_was_cut_off_is_not_done_twice(api):
    with mock.patch.object(idempotency, "finish"):  # the machine dies before the answer is kept
        make(api)
    assert problem(make(api)) == (409, "idempotency-key-in-use")
    assert Gateway.objects.count() == 1


@pytest.mark.parametrize("key", ["x" * 256, "Schlüssel", "a\tb"])
def test_a_key_that_cannot_be_kept_is_refused(api, key):
    refused = make(api, {"Idempotency-Key": key})
    assert problem(refused) == (400, "invalid-request")
    assert refused.json()["errors"][0]["field"] == "Idempotency-Key"
    assert not Gateway.objects.exists()


def test_only_a_post_takes_a_key(api):
    at = f"gateways/{make(api, None).json()['id']}"
    assert [api.patch(at, {"name": name}, headers=KEY).json()["name"] for name in ("A", "B")] == ["A", "B"]
    api.get(at, headers=KEY)
    assert not IdempotentRequest.objects.exists()


def test_after_a_day_a_key_is_new(api):
    make(api)
    IdempotentRequest.objects.update(created_at=timezone.now() - timedelta(hours=23))
    assert make(api)["Idempotent-Replayed"] == "true"
    IdempotentRequest.objects.update(created_at=timezone.now() - timedelta(hours=25))
    assert not make(api).has_header("Idempotent-Replayed")
    assert Gateway.objects.count() == 2


def test_old_answers_are_forgotten_and_young_ones_are_not(api):
    make(api)
    now = timezone.now()
    assert idempotency.prune(now=now + timedelta(hours=23)) == 0
    assert idempotency.prune(now=now + timedelta(hours=25)) == 1
    assert not IdempotentRequest.objects.exists()


def test_what_is_kept_is_sealed_and_what_was_sent_is_not_kept(api):
    made = make(api, name="Villa Wonderland").json()
    keys = {"client_id": "app", "client_secret": SECRET}
    body = {"vendor": "tesla", "name": "App", "secrets": keys}
    assert api.post("vendor-credentials", body, headers={"Idempotency-Key": "2"}).status_code == 201
    kept = str(list(IdempotentRequest.objects.values()))
    assert not any(text in kept for text in ("Wonderland", SECRET, "client_secret"))
    assert made["id"] not in str(list(IdempotentRequest.objects.values("answer", "fingerprint")))
    one, other = IdempotentRequest.objects.order_by("pk")
    IdempotentRequest.objects.filter(pk=one.pk).update(answer=other.answer)  # an answer does not open in another row
    assert make(api, name="Villa Wonderland").status_code == 500


@pytest.mark.django_db(transaction=True)
def test_of_two_requests_at_once_one_is_done():
    needs_several_writers()
    api = backend(factories.gateway_type(prefix="acme").partner)
    answers = at_once(*[lambda: make(Api(api.token))] * 2)
    assert Gateway.objects.count() == 1
    (done,) = {answer.json()["id"] for answer in answers if answer.status_code == 201}
    assert all(problem(answer)[1] == "idempotency-key-in-use" for answer in answers if answer.status_code != 201)
    assert make(api).json()["id"] == done
