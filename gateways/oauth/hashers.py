from __future__ import annotations

from django.contrib.auth.hashers import PBKDF2PasswordHasher


class ClientSecretHasher(PBKDF2PasswordHasher):
    """For the secrets of OAuth clients: 128 random characters cannot be guessed, so few rounds do.

    The million rounds that a person's password needs would allow five tokens a second.
    """

    algorithm = "pbkdf2_sha256_client"
    iterations = 1000
