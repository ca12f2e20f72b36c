"""`manage.py push --gateway ID`: drain one gateway's queue by hand."""

from __future__ import annotations

import time
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from gateways import queries
from gateways.models import Gateway
from ingest import push, queues
from ingest.models import GatewayQueue, Message


class Command(BaseCommand):
    help = "Send the waiting messages of one gateway to SEN now, and say what became of them."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--gateway", required=True, metavar="ID", help="the gateway's id, e.g. acme-0123456789abcdef"
        )
        parser.add_argument("--seconds", type=float, default=60, help="stop after this time (default: 60)")

    def handle(self, *_: Any, **options: Any) -> None:
        gateway = Gateway.objects.filter(serial=options["gateway"]).first()
        if gateway is None:
            msg = f"There is no gateway {options['gateway']}."
            raise CommandError(msg)
        queue = GatewayQueue.objects.filter(pk=gateway.pk).select_related("gateway").first()
        if queue is None or not queue.waiting:
            self.stdout.write("Nothing waits.")
            return
        why = queues.why_waiting(queue, has_key=True) or queries.why_no_key(gateway)
        if why:
            msg = f"{queue.waiting} messages wait: {why}"
            raise CommandError(msg)
        GatewayQueue.objects.filter(pk=gateway.pk).update(due_at=timezone.now())
        delivered = push.push_due(
            clock=timezone.now, until=time.monotonic() + options["seconds"], gateway_id=gateway.pk
        )
        self._report(gateway, delivered)

    def _report(self, gateway: Gateway, delivered: int) -> None:
        queue = GatewayQueue.objects.get(pk=gateway.pk)
        held = Message.objects.filter(gateway=gateway, state=Message.State.HELD).count()
        self.stdout.write(f"{delivered} delivered, {queue.waiting} waiting, {held} held")
        if queue.waiting:
            reason = queue.held_reason or queue.last_error or "another worker has the queue"
            msg = f"Not all went out: {reason}"
            raise CommandError(msg)
