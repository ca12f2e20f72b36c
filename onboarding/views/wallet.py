"""The wallet: its address, and the signature that shows whose it is."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from django import forms
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from gateways.models import Partner
from onboarding import journeys, steps, wallet_proofs, wizard
from onboarding.forms import WalletForm
from onboarding.models import WalletChallenge
from onboarding.views.journey import StepView, join_page, step_url


class WalletView(StepView):
    """Names the wallet; then its holder signs our message, here with a wallet in the browser or elsewhere by hand."""

    step = steps.BY_SLUG["wallet"]
    template_name = "join/wallet.html"

    def form(self, data: Any) -> forms.Form:
        if data is not None and "later" in data:
            return forms.Form(data)
        waiting = None if "change" in self.request.GET else self._challenge()
        address = self.journey.wallet.address if self.journey.wallet else ""
        return WalletForm(data, signing=waiting.message if waiting else "", initial={"address": address})

    def save(self, form: Any) -> None:
        """Take a signature if there is one, else the address and make the message that proves it; or go on without."""
        now = timezone.now()
        if "later" in self.request.POST:
            journeys.postpone_wallet(journey=self.journey, now=now)
            return
        address, proven = wallet_proofs.take(user=self.user, partner=self.page.partner, now=now, **form.cleaned_data)
        journeys.name_wallet(journey=self.journey, address=address, proven=proven, now=now)

    def next_url(self, slug: str) -> str:
        """Return the same page while the proof is missing."""
        following = super().next_url(slug)
        unproven = self.journey.wallet is not None and not self.journey.wallet_proven
        return step_url(slug, self.step) if unproven else following

    def context(self) -> dict[str, Any]:
        following = wizard.next_step(self.journey) if self.step.done(self.journey) else None
        return {**super().context(), "following": following}

    def _challenge(self) -> WalletChallenge | None:
        wallet = self.journey.wallet
        if wallet is None or self.journey.wallet_proven:
            return None
        return wallet_proofs.open_one(
            user=self.user, partner=self.page.partner, address=wallet.address, now=timezone.now()
        )


@require_POST
def challenge(request: HttpRequest, slug: str) -> HttpResponse:
    """Answer a wallet in the browser with the words to sign: {"message": "…"}, or 4xx {"error": "…"}."""
    page = join_page(request, slug)
    if page is None or not isinstance(request.user, User) or journeys.under_way(page.partner, request.user) is None:
        return JsonResponse({"error": _("Load this page again and sign in.")}, status=HTTPStatus.FORBIDDEN)
    return words_to_sign(request, request.user, page.partner)


def words_to_sign(request: HttpRequest, user: User, partner: Partner) -> JsonResponse:
    """Answer with a new message for the address in the request, or 422 with what is wrong with it."""
    address = request.POST.get("address", "")
    try:
        made = wallet_proofs.challenge(user=user, partner=partner, address=address, now=timezone.now())
    except ValidationError as error:
        return JsonResponse({"error": " ".join(error.messages)}, status=HTTPStatus.UNPROCESSABLE_ENTITY)
    return JsonResponse({"message": made.message})
