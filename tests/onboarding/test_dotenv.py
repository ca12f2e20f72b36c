from __future__ import annotations

import pytest

from onboarding import dotenv


def secrets_in(path):
    return {line for line in path.read_text().splitlines() if line.startswith(("SECRET_KEY=", "VAULT_KEYS="))}


def test_the_secrets_of_a_machine_are_fresh_and_for_its_owner_alone(tmp_path):
    one, two = tmp_path / "one", tmp_path / "two"
    dotenv.write(str(one))
    dotenv.write(str(two))
    assert one.stat().st_mode & 0o777 == 0o600
    assert secrets_in(one).isdisjoint(secrets_in(two))


def test_secrets_that_are_there_are_never_overwritten(tmp_path):
    dotenv.write(str(tmp_path / "env"))
    with pytest.raises(FileExistsError):
        dotenv.write(str(tmp_path / "env"))
