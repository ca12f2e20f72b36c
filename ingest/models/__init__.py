"""The data plane's rows, one subject a file."""

from ingest.models.budget import BudgetUse
from ingest.models.connection import Connection
from ingest.models.credential import VendorCredential
from ingest.models.heartbeat import Heartbeat
from ingest.models.minute import Minute
from ingest.models.outbox import Attempt, GatewayQueue, Message
from ingest.models.pull_run import PullRun
from ingest.models.reading import Reading
from ingest.models.system import Der, System
from ingest.models.tally import Tally

__all__ = [
    "Attempt",
    "BudgetUse",
    "Connection",
    "Der",
    "GatewayQueue",
    "Heartbeat",
    "Message",
    "Minute",
    "PullRun",
    "Reading",
    "System",
    "Tally",
    "VendorCredential",
]
