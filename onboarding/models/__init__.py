from onboarding.models.consent import Consent
from onboarding.models.invitation import Invitation
from onboarding.models.join import Enrollment, FlowVendor, JoinFlow, JoinSession
from onboarding.models.join_page import JoinPage
from onboarding.models.journey import ChosenSystem, Journey, JourneyEntry
from onboarding.models.notice import Notice
from onboarding.models.wallet_challenge import WalletChallenge
from onboarding.models.webhook import WebhookDelivery, WebhookEndpoint

__all__ = [
    "ChosenSystem",
    "Consent",
    "Enrollment",
    "FlowVendor",
    "Invitation",
    "JoinFlow",
    "JoinPage",
    "JoinSession",
    "Journey",
    "JourneyEntry",
    "Notice",
    "WalletChallenge",
    "WebhookDelivery",
    "WebhookEndpoint",
]
