"""Who may do what for which partner: by membership and role. A superuser may do everything everywhere.

A row belongs to the partner that its paths lead to ("gateway__partner"); a row with several paths belongs to each
partner it reaches. Rows without a path are the installation's own and only a superuser's business.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from typing import Any, TypeVar

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.db.models import Model, Q, QuerySet

from gateways.models import Membership, Partner

User = AbstractBaseUser | AnonymousUser
ModelT = TypeVar("ModelT", bound=Model)
_Role = Membership.Role

INSTALLATION: tuple[str, ...] = ()
"""the paths of rows that belong to no partner"""


class Duty(enum.Enum):
    """What somebody wants to do, and the roles that may."""

    SEE = (_Role.OWNER, _Role.OPERATOR, _Role.SUPPORT, _Role.VIEWER)
    HELP = (_Role.OWNER, _Role.OPERATOR, _Role.SUPPORT)
    """retry, release, pull now, push now"""
    OPERATE = (_Role.OWNER, _Role.OPERATOR)
    """change and act"""
    GOVERN = (_Role.OWNER,)
    """say who else may"""


def partner_ids(user: User, duty: Duty) -> frozenset[int] | None:
    """Return the partners for which a user may do a duty; None means all of them."""
    if not user.is_active:
        return frozenset()
    if getattr(user, "is_superuser", False):
        return None
    return frozenset(pk for pk, role in _roles(user).items() if role in duty.value)


def partners(user: User, duty: Duty) -> QuerySet[Partner]:
    """Return the partners for which a user may do a duty."""
    return limit(Partner.objects.all(), ("pk",), user, duty)


def limit(rows: QuerySet[ModelT], paths: tuple[str, ...], user: User, duty: Duty) -> QuerySet[ModelT]:
    """Keep the rows of partners for which a user may do a duty."""
    ids = partner_ids(user, duty)
    if ids is None:
        return rows
    where = Q(pk__in=[])
    for path in paths:
        where |= Q(**{f"{path}__in": ids})
    return rows.filter(where)


def may(user: User, duty: Duty, row: Model, paths: tuple[str, ...]) -> bool:
    """Return whether a user may do a duty to a row."""
    ids = partner_ids(user, duty)
    return ids is None or any(_partner_of(row, path) in ids for path in paths)


def may_somewhere(user: User, duty: Duty, paths: tuple[str, ...]) -> bool:
    """Return whether a user may do a duty to any row of a kind."""
    ids = partner_ids(user, duty)
    return ids is None or bool(paths and ids)


def _roles(user: Any) -> Mapping[int, str]:
    """Return {partner: role}, read once a request: each has its own user object."""
    if not hasattr(user, "_role_by_partner"):
        user._role_by_partner = dict(Membership.objects.filter(user=user.pk).values_list("partner", "role"))  # noqa: SLF001
    roles: Mapping[int, str] = user._role_by_partner  # noqa: SLF001
    return roles


def _partner_of(row: Any, path: str) -> int | None:
    *steps, last = path.split("__")
    for step in steps:
        # A one-to-one seen from its other side may have nothing there.
        row = getattr(row, step, None)
    if row is None:
        return None
    pk: int = row.pk if last == "pk" else getattr(row, f"{last}_id")
    return pk
