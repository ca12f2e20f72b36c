"""The nouns SEN knows, one file each."""

from gateways.models.client import Client, GatewayGrant
from gateways.models.coordinates import Coordinates
from gateways.models.event import Event
from gateways.models.gateway import Gateway, GatewayType
from gateways.models.idempotency import IdempotentRequest
from gateways.models.key import GatewayKey, MasterKey
from gateways.models.partner import Membership, Partner
from gateways.models.wallet import Wallet

__all__ = [
    "Client",
    "Coordinates",
    "Event",
    "Gateway",
    "GatewayGrant",
    "GatewayKey",
    "GatewayType",
    "IdempotentRequest",
    "MasterKey",
    "Membership",
    "Partner",
    "Wallet",
]
