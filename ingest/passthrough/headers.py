"""What a caller brought for vendors: `X-Authorization-<vendor>`, as the vendor's adapter declares it.

The values are for one request. They are in no repr, and no message of ours repeats a piece of them.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from gateways.rest.problems import Problem
from ingest import vendors
from ingest.vendors.base import AuthScheme, HeaderForm, PassThrough

PREFIX = "x-authorization-"
_BEARER = re.compile(r"bearer +([!-~]{1,8000})", re.IGNORECASE)
# What follows the blanks does not begin with one: else a header of blanks alone would take minutes to refuse.
_BASIC = re.compile(r"basic +([A-Za-z0-9+/][A-Za-z0-9+/\s]{3,1999}={0,2})", re.IGNORECASE)
_VALUE = re.compile(r"[!-~]{1,8000}")  # what can stand in a header of the vendor's
_TELLING = 8  # characters


@dataclass(frozen=True)
class Brought:
    """One vendor's way in, as a caller brought it."""

    scheme: str
    secrets: Mapping[str, str] = field(repr=False)
    access_token: str = field(default="", repr=False)

    def scrubbed(self, problem: Problem) -> Problem:
        """Return a problem without the values: some vendors repeat in an error what they were sent.

        One that is refused is the caller's to renew, not an owner's.
        """
        if problem.slug == "vendor-auth-failed":
            msg = "The vendor refuses what came in its header: it is wrong, expired or revoked. Send another."
            return Problem("vendor-authorization-refused", msg)
        detail = problem.detail
        for value in filter(None, (*self.secrets.values(), self.access_token)):
            # What a vendor says is cut at some length, maybe within a value: its beginning tells it.
            detail = re.sub(re.escape(value[:_TELLING]) + r"\S*", "***", detail)
        return Problem(problem.slug, detail, headers=problem.headers)


def brought(headers: Mapping[str, str]) -> dict[str, Brought | Problem]:
    """Return by vendor what came with a request, or why it cannot be used; empty if nothing came."""
    lower = {name.lower(): value for name, value in headers.items()}
    named = {name.removeprefix(PREFIX) for name in lower if name.startswith(PREFIX)}
    for vendor in vendors.VENDORS:
        _scheme, form = _way(vendor)
        if form and any(name.lower() in lower for name, _ in form.further):
            named.add(vendor)
    return {vendor: _brought(vendor, lower) for vendor in sorted(named)}


def _brought(vendor: str, lower: Mapping[str, str]) -> Brought | Problem:
    scheme, form = _way(vendor) if vendor in vendors.VENDORS else (None, None)
    if scheme is None or form is None:
        return _unsupported(vendor)
    parts = _parts(form, lower.get(PREFIX + vendor, ""))
    further = {name: lower.get(header.lower(), "").strip() for header, name in form.further}
    if parts is None or not all(_VALUE.fullmatch(value) for value in further.values()):
        return _malformed(vendor, form)
    if form.form is HeaderForm.BEARER:
        return Brought(scheme.name, further, *parts)
    return Brought(scheme.name, {**dict(zip(form.fields, parts, strict=True)), **further})


def _way(vendor: str) -> tuple[AuthScheme | None, PassThrough | None]:
    scheme = next((one for one in vendors.adapter_class(vendor).schemes if one.passed), None)
    return scheme, scheme.passed if scheme else None


def _parts(form: PassThrough, value: str) -> list[str] | None:
    """Return the pieces of a header's value: one token or key, or what Basic holds; None if it has another form."""
    match form.form:
        case HeaderForm.KEY:
            parts = [value.strip()]
        case HeaderForm.BEARER:
            parts = [found[1]] if (found := _BEARER.fullmatch(value.strip())) else []
        case HeaderForm.BASIC:
            parts = _of_basic(value, len(form.fields))
    return parts if parts and all(_VALUE.fullmatch(part) for part in parts) else None


def _of_basic(value: str, count: int) -> list[str]:
    """Return the fields of a Basic header, none if it is not one.

    Encoded in a shell, the text often has a newline at its end, and base64 itself has one after 76 characters.
    """
    found = _BASIC.fullmatch(value.strip())
    try:
        text = base64.b64decode("".join(found[1].split()), validate=True).decode() if found else ""
    except ValueError:
        return []
    parts = text.rstrip().split(":", count - 1)
    return parts if len(parts) == count else []


def _unsupported(vendor: str) -> Problem:
    """Return the problem of a vendor that is not asked for anybody."""
    able = ", ".join(slug for slug in vendors.VENDORS if _way(slug)[1])
    detail = f"There is no adapter for {vendor[:30]!r} yet that live questions go through; there are {able}."
    return Problem("vendor-without-adapter", detail)


def documented() -> list[tuple[str, str]]:
    """Return the headers that vendors take, each with what stands in it, for the documentation."""
    found = []
    for vendor in vendors.VENDORS:
        _scheme, form = _way(vendor)
        if form:
            found.append((f"X-Authorization-{vendor}", f"Asks {vendor}: `{_shape(form)}`."))
            found += [(header, f"Beside X-Authorization-{vendor}.") for header, _ in form.further]
    return found


def _malformed(vendor: str, form: PassThrough) -> Problem:
    further = "".join(f", and `{header}: <{name}>`" for header, name in form.further)
    detail = f"{vendor} takes `X-Authorization-{vendor}: {_shape(form)}`{further}."
    return Problem("vendor-authorization-invalid", detail)


def _shape(form: PassThrough) -> str:
    match form.form:
        case HeaderForm.KEY:
            return f"<{form.fields[0]}>"
        case HeaderForm.BASIC:
            return f"Basic base64({':'.join(form.fields)})"
        case HeaderForm.BEARER:
            return "Bearer <access token>"
