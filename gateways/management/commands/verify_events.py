from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from gateways import events
from gateways.models import Partner


class Command(BaseCommand):
    help = "Check the hash chain of every partner's events and name the first broken link of each."

    def handle(self, *args: Any, **options: Any) -> None:
        broken = 0
        for partner in Partner.objects.all():
            event = events.first_broken(partner)
            broken += event is not None
            state = (
                f"BROKEN at {event}, recorded {event.at.isoformat()}"
                if event
                else f"{partner.events.count()} events, whole"
            )
            self.stdout.write(f"{partner.slug}: {state}")
        if broken:
            msg = f"{broken} of the chains are broken: somebody changed or removed events behind the portal's back."
            raise CommandError(msg)
        self.stdout.write("All chains are whole.")
