"""The steps of the journey, in their order, and what makes each of them done."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from ingest.models import Connection
from onboarding import consents
from onboarding.models import Journey


@dataclass(frozen=True)
class Step:
    """One page. `slug` stands in its address; `done` reads what the journey holds, so nothing can be out of step."""

    slug: str
    title: str | Promise
    done: Callable[[Journey], bool]


def _agreed(journey: Journey) -> bool:
    if journey.connection:
        return consents.active(journey.connection).exists()
    return consents.waiting(journey.partner, journey.user, journey.vendor).exists()


def _connected(journey: Journey) -> bool:
    good = {Connection.Status.ACTIVE, Connection.Status.PENDING}
    return journey.connection is not None and journey.connection.status in good


def _placed(journey: Journey) -> bool:
    return journey.chosen.exists() and not journey.chosen.filter(confirmed_at=None).exists()


STEPS = (
    Step("brand", _("Your brand"), lambda journey: bool(journey.vendor)),
    Step("sharing", _("What you share"), _agreed),
    Step("connect", _("Your account there"), _connected),
    Step("homes", _("Your homes"), lambda journey: journey.chosen.exists()),
    Step("wallet", _("Your wallet"), lambda journey: journey.wallet is not None or journey.wallet_later),
    Step("place", _("Where your home is"), _placed),
    Step("review", _("Check and finish"), lambda journey: journey.finished_at is not None),
)
BY_SLUG = {step.slug: step for step in STEPS}
