from __future__ import annotations

from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import BaseCommand, CommandError

from gateways.vault import keyring, master_keys, rotation
from gateways.vault.fields import SealedField


class Command(BaseCommand):
    help = (
        "Move everything that is sealed under the newest master key. First add the new key at the end of VAULT_KEYS "
        "and restart every process, then run this, then remove the keys it names. It may be interrupted and run again."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            master_keys.check_master_keys()
        except ImproperlyConfigured as error:
            raise CommandError(str(error)) from error
        unopened = [text for column in rotation.sealed_columns() for text in self._move(column)]
        if unopened:
            msg = f"{len(unopened)} values do not open, so no master key may be removed:\n" + "\n".join(unopened)
            raise CommandError(msg)
        self._forget()

    def _move(self, column: SealedField) -> list[str]:
        unopened: list[str] = []
        for progress in rotation.reseal_column(column):
            self.stdout.write(str(progress))
            unopened = progress.unopened
        return unopened

    def _forget(self) -> None:
        newest, needed = keyring.newest_key_id(), rotation.needed_key_ids()
        for key_id in sorted(needed.keys() - {newest}):
            self.stdout.write(
                f"{needed[key_id]} values were sealed with {key_id} meanwhile: some process runs without {newest}. "
                "Restart it, then run this again."
            )
        master_keys.forget_all_but(needed)
        idle = [key_id for key_id in keyring.master_keys() if key_id != newest and key_id not in needed]
        for key_id in idle:
            self.stdout.write(f"Nothing needs {key_id} any more: it may be removed from VAULT_KEYS.")
        self.stdout.write(f"{needed[newest]} values are sealed with {newest}.")
