"""The ways to a token, and how tokens end."""

from __future__ import annotations

import time
from datetime import timedelta

import pytest
from django.core.exceptions import ValidationError
from django.db import connection, transaction
from django.utils import timezone
from oauth2_provider.models import AccessToken, RefreshToken

from gateways import events
from gateways.models import Client, Event, Gateway, GatewayGrant, IdempotentRequest
from gateways.models.client import KINDS
from gateways.oauth import clients, grants, scopes
from ingest import pruning
from ingest.readings import Kind
from tests import factories
from tests.api.calling import Api
from tests.factories import NOW
from tests.gateways.lives import BY
from tests.oauth.world import answer, make_app, post, seen
from tests.together import at_once, needs_several_writers

pytestmark = pytest.mark.django_db


def test_a_backend_gets_a_token_for_its_id_and_secret_and_no_refresh_token(world):
    backend, secret = world.backend()
    reply = world.token("client_credentials", (backend.client_id, secret))
    assert (reply.status_code, reply["Cache-Control"], reply["Pragma"]) == (200, "no-store", "no-cache")
    given = reply.json()
    assert (given["token_type"], given["expires_in"], given["scope"]) == ("Bearer", 3600, "gateways:read")
    assert "refresh_token" not in given
    assert seen(given["access_token"]) == {world.villa.serial, world.cabin.serial}


def test_a_secret_may_stand_in_the_body_and_never_in_the_address(world):
    backend, secret = world.backend()
    own = {"grant_type": "client_credentials", "client_id": backend.client_id, "client_secret": secret}
    assert post("token", own).status_code == 200
    address = f"/oauth/token/?client_id={backend.client_id}&client_secret={secret}"
    refused = world.browser.post(address, {"grant_type": "client_credentials"})
    assert (refused.status_code, refused.json()["error"]) == (400, "invalid_request")


def test_a_wrong_secret_gets_a_challenge(world):
    backend, _secret = world.backend()
    refused = world.token("client_credentials", (backend.client_id, "wrong"))
    assert (refused.status_code, refused.json()["error"]) == (401, "invalid_client")
    assert refused["WWW-Authenticate"] == 'Basic realm="oauth"'


def test_a_backend_gets_no_more_than_it_may_and_what_it_may_shrinks_at_once(world):
    backend, secret = world.backend(scopes.GATEWAYS_READ, scopes.EVENTS_READ)
    auth = (backend.client_id, secret)
    refused = world.token("client_credentials", auth, scope="gateways:write")
    assert refused.json()["error"] == "invalid_scope"
    token = world.token("client_credentials", auth).json()["access_token"]
    clients.change(
        client=backend, name="B", allowed_scopes=[scopes.EVENTS_READ], requests_per_minute=9, by="test",
        now=timezone.now(),
    )  # fmt: skip
    assert seen(token) == 403


def test_who_validates_rewards_may_read_and_nothing_else(world):
    with pytest.raises(ValidationError, match="gateways:read, telemetry:read and not webhooks:write"):
        world.backend(scopes.GATEWAYS_READ, scopes.WEBHOOKS_WRITE, purpose="rewards")
    validator, secret = world.backend(scopes.GATEWAYS_READ, purpose="rewards")
    Client.objects.filter(pk=validator.pk).update(allowed_scopes=list(scopes.ALL))
    given = world.token("client_credentials", (validator.client_id, secret)).json()
    assert given["scope"] == "gateways:read telemetry:read"


def test_an_app_reaches_the_homes_that_were_ticked_and_no_others(world):
    given = world.tokens(world.villa)
    assert seen(given["access_token"]) == {world.villa.serial}
    assert given["scope"] == "gateways:read"
    assert Api(given["access_token"]).get(f"gateways/{world.cabin.serial}").status_code == 404


def test_the_answer_to_the_app_has_its_state_and_says_who_gave_it(world, settings):
    settings.PUBLIC_URL = "https://portal.example"
    assert answer(world.choose()) | {"code": ""} == {"code": "", "state": "s t&", "iss": "https://portal.example"}


def test_choosing_again_replaces_what_was_chosen_also_for_tokens_that_there_are(world):
    before = world.tokens(world.villa, scope="gateways:read telemetry:read")["access_token"]
    after = world.tokens(world.cabin)["access_token"]
    assert seen(before) == seen(after) == {world.cabin.serial}
    narrowed = Api(before).get("gateways")
    assert narrowed.status_code == 200
    assert grants.scopes_of(client=world.app, user=world.anna) == {"gateways:read"}
    assert GatewayGrant.objects.filter(ended_at=None).count() == 1


def test_what_anna_allows_is_nothing_to_another_homeowner_or_app(world):
    his = world.bos_home()
    world.tokens(world.villa)
    bos = world.exchange(answer(world.choose(his, by=his.owner))["code"]).json()["access_token"]
    assert seen(bos) == {his.serial}
    assert not grants.scopes_of(client=make_app(world.partner)[0], user=world.anna)


def test_a_home_of_somebody_else_cannot_be_given(world):
    page = world.choose(world.bos_home())
    assert (page.status_code, GatewayGrant.objects.count()) == (422, 0)


def test_a_public_app_needs_no_secret_but_pkce(world):
    world.app, _none = make_app(world.partner, public=True)
    body = {"code": world.code(), "redirect_uri": "https://app.example/done", "client_id": world.app.client_id}
    assert post("token", {"grant_type": "authorization_code", **body}).json()["error"] == "invalid_request"
    given = post("token", {"grant_type": "authorization_code", **body, "code_verifier": "v" * 43}).json()
    renewed = post(
        "token",
        {
            "grant_type": "refresh_token", "refresh_token": given["refresh_token"], "client_id": world.app.client_id
        },
    )  # fmt: skip
    assert seen(renewed.json()["access_token"]) == {world.villa.serial}


def test_a_refresh_token_works_once_and_brings_the_next(world):
    first = world.tokens()
    second = world.refresh(first["refresh_token"]).json()
    assert second["refresh_token"] != first["refresh_token"]
    assert (seen(first["access_token"]), seen(second["access_token"])) == (401, {world.villa.serial})


def test_a_refresh_token_may_ask_for_less_and_not_for_more(world):
    given = world.tokens(scope="gateways:read telemetry:read")
    more = world.refresh(given["refresh_token"], scope="gateways:read gateway:sign")
    assert more.json()["error"] == "invalid_scope"
    assert world.refresh(given["refresh_token"], scope="telemetry:read").json()["scope"] == "telemetry:read"


def test_a_refresh_token_brings_no_more_than_the_homeowner_allows_by_now(world):
    before = world.tokens(scope="gateways:read telemetry:read")
    world.code()
    assert world.refresh(before["refresh_token"]).json()["scope"] == "gateways:read"


def test_a_refresh_token_is_worth_nothing_when_no_home_is_left(world):
    given = world.tokens()
    Gateway.objects.filter(pk=world.villa.pk).update(status="released")
    assert world.refresh(given["refresh_token"]).json()["error"] == "invalid_grant"


def test_a_refresh_token_that_nobody_used_for_sixty_days_is_over(world):
    given = world.tokens()
    AccessToken.objects.update(expires=timezone.now() - timedelta(days=60))
    assert world.refresh(given["refresh_token"]).json()["error"] == "invalid_grant"


@pytest.mark.parametrize("kind", ["access_token", "refresh_token"])
def test_revoking_either_token_ends_both(world, kind):
    given = world.tokens()
    auth = (world.app.client_id, world.secret)
    assert post("revoke_token", {"token": given[kind]}, auth).status_code == 200
    assert seen(given["access_token"]) == 401
    assert world.refresh(given["refresh_token"]).json()["error"] == "invalid_grant"


def test_a_client_revokes_its_own_tokens_and_no_others(world):
    given = world.tokens()
    backend, secret = world.backend()
    assert post("revoke_token", {"token": given["access_token"]}, (backend.client_id, secret)).status_code == 200
    assert post("revoke_token", {"token": given["access_token"]}).status_code == 401
    assert seen(given["access_token"]) == {world.villa.serial}


def test_introspection_tells_a_backend_of_the_same_partner_what_a_token_is_good_for(world, settings):
    given = world.tokens()
    backend, secret = world.backend()
    reply = post("introspect", {"token": given["access_token"]}, (backend.client_id, secret))
    told = reply.json()
    assert abs(told.pop("exp") - timezone.now().timestamp() - 3600) < 60
    assert told == {
        "active": True, "client_id": world.app.client_id, "scope": "gateways:read", "token_type": "Bearer",
        "iss": settings.PUBLIC_URL,
    }  # fmt: skip
    assert reply["Cache-Control"] == "no-store"


def test_introspection_tells_others_nothing(world):
    given = world.tokens()
    token = {"token": given["access_token"]}
    stranger, secret = world.backend(of=factories.partner())
    assert post("introspect", token, (stranger.client_id, secret)).json() == {"active": False}
    backend, secret = world.backend()
    assert post("introspect", {"token": "nonsense"}, (backend.client_id, secret)).json() == {"active": False}
    public, _none = make_app(world.partner, public=True)
    for auth in (None, (backend.client_id, "wrong"), (public.client_id, "")):
        refused = post("introspect", token, auth)
        assert (refused.status_code, refused.json()) == (401, {"error": "invalid_client"})
    assert world.browser.get(f"/oauth/introspect/?token={given['access_token']}").status_code == 405
    bearer = world.browser.post(
        "/oauth/introspect/", token, headers={"Authorization": f"Bearer {given['access_token']}"}
    )
    assert bearer.status_code == 401


def test_a_client_that_is_disabled_can_do_nothing_from_that_moment(world):
    given, code = world.tokens(), world.code()
    clients.disable(client=world.app, by="test", now=timezone.now())
    assert seen(given["access_token"]) == 401
    assert world.refresh(given["refresh_token"]).status_code == 401
    assert world.exchange(code).status_code == 401
    assert post("introspect", {"token": "x"}, (world.app.client_id, world.secret)).status_code == 401
    assert world.see().status_code == 400
    assert not grants.active(world.anna).exists()


def test_a_homeowner_who_is_shut_out_takes_the_apps_along(world):
    given, code = world.tokens(), world.code()
    world.anna.is_active = False
    world.anna.save()
    assert seen(given["access_token"]) == 401
    assert world.refresh(given["refresh_token"]).json()["error"] == "invalid_grant"
    assert world.exchange(code).json()["error"] == "invalid_grant"


def test_taking_back_an_app_ends_its_tokens_and_codes_at_once(world):
    given, code = world.tokens(), world.code()
    grants.end(client=world.app, user=world.anna, by=world.anna, now=timezone.now())
    assert seen(given["access_token"]) == 401
    assert world.refresh(given["refresh_token"]).json()["error"] == "invalid_grant"
    assert world.exchange(code).json()["error"] == "invalid_grant"
    assert list(Event.objects.filter(name__startswith="grant.").order_by("pk").values_list("name", flat=True)) == [
        "grant.given", "grant.ended", "grant.given", "grant.ended"
    ]  # fmt: skip


@pytest.mark.parametrize("change", [{"owner": None}, {"status": "released"}])
def test_a_home_that_is_given_away_or_released_is_out_of_reach(world, change):
    token = world.tokens(world.villa, world.cabin)["access_token"]
    for name, value in change.items():
        setattr(world.villa, name, value)
    world.villa.save()
    assert seen(token) == {world.cabin.serial}


@pytest.mark.django_db(transaction=True)
def test_a_homeowner_agrees_while_an_owner_changes_the_app(world, monkeypatch):
    """A grant refers to the client: if it had to wait for the client's row, each would wait for the other."""
    needs_several_writers()
    # The log comes last, and takes the partner's lock, which she needs first.
    monkeypatch.setattr(events, "note", lambda *_, **__: None)

    def agree() -> None:
        with connection.cursor() as cursor:
            cursor.execute("SET lock_timeout = '2s'")
        grants.give(user=world.anna, client=world.app, gateways=[world.villa], scopes=["gateways:read"], now=NOW)

    with transaction.atomic():
        clients.renew_secret(client=world.app, **BY)
        assert at_once(agree) == [None]


def test_a_secret_that_was_renewed_is_the_only_one(world):
    backend, old = world.backend()
    new = clients.renew_secret(client=backend, by="test", now=timezone.now())
    tried = [world.token("client_credentials", (backend.client_id, secret)).status_code for secret in (old, new)]
    assert tried == [401, 200]


def test_when_an_app_was_last_used_is_known_to_some_minutes(world):
    token = world.tokens()["access_token"]
    seen(token)
    first = GatewayGrant.objects.get().last_used_at
    seen(token)
    assert (first is not None, GatewayGrant.objects.get().last_used_at) == (True, first)
    GatewayGrant.objects.update(last_used_at=timezone.now() - timedelta(minutes=6))
    seen(token)
    assert GatewayGrant.objects.filter(last_used_at__gt=timezone.now() - timedelta(minutes=1)).exists()


def test_what_is_over_is_pruned_and_what_could_tell_a_replay_stays(world):
    first, now = world.tokens(), timezone.now()
    world.refresh(first["refresh_token"])
    backend, secret = world.backend()
    world.token("client_credentials", (backend.client_id, secret))
    world.code()
    AccessToken.objects.filter(application=backend).update(expires=now - timedelta(hours=1))
    world.app.grant_set.update(expires=now - timedelta(hours=1))
    for key, hours in (("old", 25), ("young", 1)):
        made = now - timedelta(hours=hours)
        IdempotentRequest.objects.create(client=backend, key=key, fingerprint="f", created_at=made)
    pruning.prune(now=now, until=time.monotonic() + 60)
    assert (AccessToken.objects.count(), RefreshToken.objects.count(), world.app.grant_set.count()) == (1, 2, 0)
    assert IdempotentRequest.objects.get().key == "young"


@pytest.mark.once
def test_a_grant_knows_every_kind_of_device_that_there_is():
    assert list(KINDS) == list(Kind)
