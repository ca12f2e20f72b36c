"""The nouns SEN knows, one file each."""

from gateways.models.coordinates import Coordinates
from gateways.models.event import Event
from gateways.models.gateway import Gateway, GatewayType
from gateways.models.key import GatewayKey, MasterKey
from gateways.models.partner import Membership, Partner
from gateways.models.wallet import Wallet

__all__ = [
    "Coordinates",
    "Event",
    "Gateway",
    "GatewayKey",
    "GatewayType",
    "MasterKey",
    "Membership",
    "Partner",
    "Wallet",
]
