"""The admin of the nouns. `ingest.admin` adds to it what needs the network or the queues."""

from gateways.admin import client, gateway, gateway_type, key, partner, people, trail

__all__ = ["client", "gateway", "gateway_type", "key", "partner", "people", "trail"]
