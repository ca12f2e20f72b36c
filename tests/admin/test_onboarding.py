"""Staff invite, see where journeys are, and go on for a homeowner; each for their own partner alone."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from gateways.models import Gateway, Membership, Partner
from onboarding import colors, consents, funnel, invitations, journeys
from onboarding.models import Invitation, JoinPage, Journey
from tests import factories
from tests.admin.conftest import staff
from tests.admin.pages import act, address, listed

PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 20
pytestmark = [pytest.mark.django_db, pytest.mark.once]


@pytest.fixture
def join_page() -> JoinPage:
    partner = factories.partner(name="Sunny", slug="sunny")
    return JoinPage.objects.create(partner=partner, gateway_type=factories.gateway_type(partner), color="#7a0bd0")


@pytest.fixture
def partner(join_page: JoinPage) -> Partner:
    return join_page.partner


@pytest.fixture
def operator(partner: Partner) -> Client:
    return staff(partner, "operator")


@pytest.fixture
def support(partner: Partner) -> Client:
    return staff(partner, "support")


@pytest.fixture
def foreigner() -> Client:
    partner = factories.partner()
    JoinPage.objects.create(partner=partner, gateway_type=factories.gateway_type(partner))
    return staff(partner, "owner")


@pytest.fixture
def anna() -> User:
    return User.objects.create_user("anna", "anna@example.com")


# --- Invitations ------------------------------------------------------------------------------------------------------


def test_somebody_with_an_address_is_mailed(operator: Client, partner: Partner) -> None:
    answers = {"partner": partner.pk, "email": "anna@example.com", "language": "sv"}
    response: Any = operator.post(address(Invitation, "add"), answers)
    invitation = Invitation.objects.get()
    assert response.url == address(invitation, "change", invitation.pk)
    assert invitation.send_due_at
    assert listed(operator, Invitation, state="waits to be sent") == [invitation]


def test_a_link_is_shown_once_with_its_poster(operator: Client, partner: Partner) -> None:
    response: Any = operator.post(
        address(Invitation, "add"), {"partner": partner.pk, "for_many": "on", "language": "de"}
    )
    asked = operator.get(response.url)
    assert "/join/sunny/i/" not in asked.content.decode()
    made = operator.post(response.url)
    assert "no-store" in made["Cache-Control"]
    html = made.content.decode()
    (link,) = re.findall(r'id="link">(.*?)<', html)
    assert link.startswith(f"{settings.PUBLIC_URL}/join/sunny/i/")
    assert "<svg" in html
    assert "Sunny" in html
    token = link.rstrip("/").rpartition("/")[2]
    assert Invitation.objects.get().token_hash == invitations._hash(token)
    assert link not in operator.get(response.url).content.decode()


def test_a_mailed_invitation_has_no_link_to_show(operator: Client, partner: Partner) -> None:
    row, _path = invitations.invite(partner=partner, by="test", now=timezone.now(), email="anna@example.com")
    assert operator.post(reverse("admin:onboarding_invitation_link", args=[row.pk])).status_code == 404


def test_resend_and_cancel_say_what_they_did(operator: Client, partner: Partner) -> None:
    before = timezone.now() - timedelta(hours=2)
    row, _path = invitations.invite(partner=partner, by="test", now=before, email="anna@example.com")
    Invitation.objects.update(send_due_at=None, sent_at=before)
    assert "sent again" in act(operator, "resend", row)[0]
    assert "last hour" in act(operator, "resend", row)[0]
    assert act(operator, "cancel", row) == ["1 invitation cancelled."]
    assert listed(operator, Invitation, state="cancelled") == [row]


def test_a_failed_mail_is_seen_in_the_list(operator: Client, partner: Partner) -> None:
    invitations.invite(partner=partner, by="test", now=timezone.now(), email="anna@example.com")
    Invitation.objects.update(send_error="mailbox full", send_failures=1)
    page = operator.get(address(Invitation, "changelist"), {"state": "not sent"}).content
    assert b"mailbox full" in page


def test_whoever_came_with_an_invitation_and_finished_has_joined(
    operator: Client, partner: Partner, anna: User
) -> None:
    now = timezone.now()
    row, _path = invitations.invite(partner=partner, by="test", now=now, email=anna.email)
    invitations.accept(invitation=row, user=anna, now=now)
    assert listed(operator, Invitation, state="accepted") == [row]
    journeys.begin(partner=partner, user=anna, now=now, invitation=row)
    Journey.objects.update(vendor="solis", finished_at=now)
    assert listed(operator, Invitation, state="joined") == [row]


MANY = "email,name\nanna@example.com,=cmd\nnobody,Bo\n"


def test_a_list_is_looked_through_before_anything_is_sent(operator: Client, partner: Partner) -> None:
    file = SimpleUploadedFile("list.csv", MANY.encode())
    shown = operator.post(reverse("admin:onboarding_invitation_many"), {"partner": partner.pk, "file": file})
    html = shown.content.decode()
    assert "1 of 2 can be invited" in html
    assert "This is no e-mail address." in html
    assert not Invitation.objects.exists()
    assert shown.context["form"].data["rows"] == MANY


def test_the_good_rows_of_a_list_are_invited(operator: Client, partner: Partner) -> None:
    answers = {"partner": partner.pk, "rows": MANY, "send": "yes"}
    response = operator.post(reverse("admin:onboarding_invitation_many"), answers)
    assert response.status_code == 302
    assert [row.email for row in Invitation.objects.all()] == ["anna@example.com"]


@pytest.mark.parametrize("content", [b"\xff\xfe\x00", b"x" * 500_001])
def test_a_file_that_is_no_list_is_refused(operator: Client, partner: Partner, content: bytes) -> None:
    answers = {"partner": partner.pk, "file": SimpleUploadedFile("list.csv", content)}
    shown = operator.post(reverse("admin:onboarding_invitation_many"), answers)
    assert shown.context["form"].non_field_errors()


def test_who_may_not_operate_invites_nobody(support: Client, partner: Partner) -> None:
    row, _path = invitations.invite(partner=partner, by="test", now=timezone.now())
    for url in (address(Invitation, "add"), reverse("admin:onboarding_invitation_many")):
        assert support.get(url).status_code == 403
    assert support.get(reverse("admin:onboarding_invitation_link", args=[row.pk])).status_code == 404
    assert listed(support, Invitation) == [row]


def test_nobody_invites_for_another_partner(foreigner: Client, partner: Partner) -> None:
    row, _path = invitations.invite(partner=partner, by="test", now=timezone.now())
    link = reverse("admin:onboarding_invitation_link", args=[row.pk])
    assert (foreigner.get(link).status_code, foreigner.post(link).status_code) == (404, 404)
    answers = {"partner": partner.pk, "rows": MANY, "send": "yes"}
    assert "partner" in foreigner.post(address(Invitation, "add"), answers).context["form"].errors
    many = foreigner.post(reverse("admin:onboarding_invitation_many"), answers)
    assert "partner" in many.context["form"].errors
    assert Invitation.objects.count() == 1


# --- Journeys ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def journey(partner: Partner, anna: User) -> Journey:
    """A journey that got as far as a connected account with two homes."""
    now = timezone.now() - timedelta(days=2)
    journey = journeys.begin(partner=partner, user=anna, now=now)
    journey = journeys.choose_brand(journey=journey, country="SE", vendor="solis", by=anna, now=now)
    journey = journeys.agree(journey=journey, purposes=["rewards"], kinds=["pv"], language="sv", now=now)
    connection = factories.connection(partner, owner=anna)
    for name in ("House", "Cabin"):
        factories.system(of=connection, name=name)
    return journeys.attach(journey=journey, connection=connection, now=now)


def test_a_journey_shows_its_timeline_and_where_it_is_stuck(operator: Client, journey: Journey) -> None:
    journeys.note(journey, journeys.VENDOR_FAILED, timezone.now(), "access_denied")
    page = operator.get(address(journey, "change", journey.pk)).content.decode()
    for said in ("brand chosen", "agreed", "vendor failed", "access_denied", "Your homes", "/join/sunny/"):
        assert said in page
    assert listed(operator, Journey, last="vendor failed") == [journey]
    assert listed(operator, Journey, last="agreed") == []
    assert listed(operator, Journey, silent_h="24") == [journey]
    assert listed(operator, Journey, silent_h="168") == []


def test_staff_remind_once(support: Client, journey: Journey, mailoutbox: Any) -> None:
    assert act(support, "remind", journey) == ["1 journey reminded."]
    assert "was reminded before" in act(support, "remind", journey)[1]
    assert len(mailoutbox) == 1


def test_staff_go_on_for_a_homeowner_to_the_end(operator: Client, journey: Journey, anna: User) -> None:
    assert "taken over" in act(operator, "take_over", journey)[0]
    help_page = reverse("admin:onboarding_journey_help", args=[journey.pk])
    house = journey.connection.systems.get(name="House")  # type: ignore[union-attr]
    operator.post(help_page, {"step": "homes", "systems": [house.pk]})
    wrong = operator.post(help_page, {"step": "wallet", "address": "not a wallet"})
    assert wrong.context["form"].non_field_errors()
    operator.post(help_page, {"step": "wallet", "address": factories.WALLET})
    assert b"data-map" in operator.get(help_page).content
    operator.post(help_page, {"step": "place", "latitude": "59.33", "longitude": "18.07", "source": "pin"})
    done: Any = operator.post(help_page, {"step": "review"})
    assert done.url == address(journey, "change", journey.pk)
    journey.refresh_from_db()
    gateway: Any = Gateway.objects.get(system=house)
    assert journey.finished_at
    assert gateway.owner == anna
    assert (gateway.wallet.address, gateway.wallet.proven_at) == (factories.WALLET, None)
    assert "taken over by staff" in journey.entries.values_list("what", flat=True)


def test_a_page_left_open_does_not_take_another_step(operator: Client, journey: Journey) -> None:
    act(operator, "take_over", journey)
    help_page = reverse("admin:onboarding_journey_help", args=[journey.pk])
    answer: Any = operator.post(help_page, {"step": "review"})
    assert answer.url == help_page
    journey.refresh_from_db()
    assert journey.finished_at is None


def test_what_only_the_homeowner_can_do_is_said(operator: Client, partner: Partner, anna: User) -> None:
    journey = journeys.begin(partner=partner, user=anna, now=timezone.now())
    act(operator, "take_over", journey)
    page = operator.get(reverse("admin:onboarding_journey_help", args=[journey.pk]))
    assert b"Only the homeowner can take this step" in page.content


def test_a_journey_is_helped_on_by_who_took_it_over_and_never_by_another_partner(
    operator: Client, support: Client, foreigner: Client, journey: Journey
) -> None:
    help_page = reverse("admin:onboarding_journey_help", args=[journey.pk])
    assert operator.get(help_page).status_code == 404, "nobody took it over"
    act(operator, "take_over", journey)
    assert operator.get(help_page).status_code == 200
    for other in (support, foreigner):
        assert (other.get(help_page).status_code, other.post(help_page).status_code) == (404, 404)
    assert listed(foreigner, Journey) == []
    assert foreigner.get(address(journey, "change", journey.pk)).status_code == 404


# --- Funnel -----------------------------------------------------------------------------------------------------------


def test_the_funnel_counts_who_got_how_far_and_how_long_it_took(partner: Partner) -> None:
    now = factories.NOW
    for number in range(4):
        user = User.objects.create_user(f"user{number}")
        journey = journeys.begin(partner=partner, user=user, now=now)
        if number:
            at = now + timedelta(minutes=number)
            journeys.choose_brand(journey=journey, country="SE", vendor="solis", by=user, now=at)
    began, brand, agreed, *_others = funnel.of(Journey.objects.all())
    assert (began.count, brand.count, agreed.count) == (4, 3, 0)
    assert (brand.share, brand.share_of_before, brand.median) == (0.75, 0.75, timedelta(minutes=2))
    assert (agreed.share_of_before, agreed.median) == (0.0, None)


def test_an_empty_funnel_divides_by_nothing(partner: Partner) -> None:
    assert {step.count for step in funnel.of(Journey.objects.all())} == {0}


def test_the_funnel_counts_journeys_of_the_users_partner_alone(
    operator: Client, foreigner: Client, journey: Journey
) -> None:
    url = reverse("admin:onboarding_journey_funnel")
    assert operator.get(url).context["steps"][0][0].count == 1
    assert operator.get(url, {"days": 7, "partner": journey.partner_id}).context["steps"][3][0].count == 1
    assert foreigner.get(url).context["steps"][0][0].count == 0
    asked = foreigner.get(url, {"days": 7, "partner": journey.partner_id})
    assert "partner" in asked.context["form"].errors
    assert asked.context["steps"][0][0].count == 0


# --- Join pages and consents ------------------------------------------------------------------------------------------


def answers(join_page: JoinPage, **changed: Any) -> dict[str, Any]:
    return {
        "gateway_type": join_page.gateway_type_id, "open": "on", "legal_name": "Sunny AB", "color": "#7A0BD0",
        "welcome": "", "support_email": "", "privacy_url": "", "consent_months": 24, **changed,
    }  # fmt: skip


def save(client: Client, join_page: JoinPage, **changed: Any) -> Any:
    return client.post(address(join_page, "change", join_page.pk), answers(join_page, **changed))


def test_a_logo_is_known_by_its_bytes(operator: Client, join_page: JoinPage) -> None:
    assert save(operator, join_page, upload=SimpleUploadedFile("logo.svg", PNG)).status_code == 302
    join_page.refresh_from_db()
    assert (join_page.logo_type, bytes(join_page.logo or b""), join_page.color) == ("image/png", PNG, "#7a0bd0")
    assert b"data:image/png" in operator.get(address(join_page, "change", join_page.pk)).content
    save(operator, join_page, no_logo="on")
    join_page.refresh_from_db()
    assert (join_page.logo_type, join_page.logo) == ("", None)


@pytest.mark.parametrize("content", [b"<svg xmlns='x'/>", PNG + b"\0" * 200_000, b"RIFF....WAVE"])
def test_what_is_no_small_picture_is_no_logo(operator: Client, join_page: JoinPage, content: bytes) -> None:
    shown = save(operator, join_page, upload=SimpleUploadedFile("logo.png", content))
    assert "upload" in shown.context["adminform"].form.errors
    join_page.refresh_from_db()
    assert join_page.logo is None


def test_a_page_without_a_color_offers_ours_and_not_black(operator: Client, join_page: JoinPage) -> None:
    JoinPage.objects.update(color="")
    page = operator.get(address(join_page, "change", join_page.pk)).content
    assert f'value="{colors.ACCENT}"'.encode() in page


def test_a_join_page_takes_no_type_of_another_partner(operator: Client, join_page: JoinPage) -> None:
    foreign = factories.gateway_type()
    assert "gateway_type" in save(operator, join_page, gateway_type=foreign.pk).context["adminform"].form.errors
    other = factories.partner()
    user = User.objects.get(username=f"operator-{join_page.partner_id}")
    Membership.objects.create(partner=other, user=user, role="operator")
    second = factories.gateway_type(other)
    assert "gateway_type" in save(operator, join_page, gateway_type=second.pk).context["adminform"].form.errors


def test_join_pages_are_changed_by_their_own_operators_alone(
    support: Client, foreigner: Client, join_page: JoinPage
) -> None:
    assert save(support, join_page).status_code == 403
    assert save(foreigner, join_page).status_code == 404
    add = foreigner.get(address(JoinPage, "add"))
    assert list(add.context["adminform"].form.fields["partner"].queryset) == []


def test_consents_are_found_by_their_giver_and_read_word_for_word(
    support: Client, foreigner: Client, journey: Journey
) -> None:
    (consent,) = consents.active(journey.connection)  # type: ignore[arg-type]
    assert listed(support, type(consent), q="anna@") == [consent]
    assert consent.text.split("\n")[0] in support.get(address(consent, "change", consent.pk)).content.decode()
    assert foreigner.get(address(consent, "change", consent.pk)).status_code == 404
