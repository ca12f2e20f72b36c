"""The admin of the data plane, and what it adds to the admin of gateways."""

from ingest.admin import connection, credential, gateway, outbox, run, system

__all__ = ["connection", "credential", "gateway", "outbox", "run", "system"]
