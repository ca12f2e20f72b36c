"""The door to the Sourceful Energy Network: generation 1, signed JWTs over HTTPS and GraphQL (sen.md)."""

from __future__ import annotations

from django.conf import settings

from gateways.models import Partner


def data_url(environment: str) -> str:
    """Return where signed readings of a partner environment go."""
    if environment == Partner.Environment.SANDBOX:
        return f"{settings.SANDBOX_URL}/sen/gw/data/"
    return str(settings.SEN_DATA_URL)


def graphql_url(environment: str) -> str:
    """Return SEN's GraphQL endpoint for a partner environment."""
    return (
        f"{settings.SANDBOX_URL}/sen/" if environment == Partner.Environment.SANDBOX else str(settings.SEN_GRAPHQL_URL)
    )


def operation(environment: str) -> str:
    """Return the JWT header's `opr` for a partner environment."""
    return "production" if environment == Partner.Environment.PRODUCTION else "testing"
