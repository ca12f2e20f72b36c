"""The admin of the nouns. `ingest.admin` adds to it what needs the network or the queues."""

from gateways.admin import gateway, gateway_type, key, partner, people, trail

__all__ = ["gateway", "gateway_type", "key", "partner", "people", "trail"]
