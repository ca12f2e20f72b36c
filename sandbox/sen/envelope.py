"""Taking a data JWT apart, with a parser of SEN's own that forgives nothing (sen.md 3 and 13)."""

from __future__ import annotations

import base64
import json
import math
import re
from dataclasses import dataclass
from typing import Any

from sandbox.sen.refusal import Refused

SIGNATURE_CHARACTERS = 86  # r‖s, 64 bytes


@dataclass(frozen=True, slots=True)
class Envelope:
    """A JWT whose form is right; nothing in it is verified yet."""

    header: dict[str, Any]
    payload: bytes
    signed: bytes
    signature: bytes
    """Anything that stood in its place; of what is no 64 bytes the verification says that it is no signature."""


def open_envelope(body: bytes, *, strict: bool) -> Envelope:
    """Take the three segments of `body` apart. Raises Refused(400), for most fields of the header only if `strict`."""
    try:
        header, payload, last = body.split(b".", 2)
    except ValueError as error:
        raise Refused(400, "not a JWT: three segments are needed") from error
    parsed = read_json(_decode(header, "header"), "header")
    if not isinstance(parsed, dict):
        raise Refused(400, "the header is not an object")
    for name in ("device", "sn"):
        if not isinstance(parsed.get(name), str):
            raise Refused(400, f"the header needs {name}, a string")
    if strict:
        _check(parsed)
    return Envelope(parsed, _decode(payload, "payload"), header + b"." + payload, _signature(last))


def _check(header: dict[str, Any]) -> None:
    """Refuse a header that is not as sen.md 3.1 has it. More fields (`licence`, `developer`) do no harm."""
    for name, value in (("alg", "ES256"), ("typ", "JWT")):
        if header.get(name) != value:
            raise Refused(400, f"the header's {name} must be {value}")
    for name in ("device", "dtype", "model", "sn"):
        if not isinstance(header.get(name), str) or not header[name]:
            raise Refused(400, f"the header needs {name}, a string")
    if header.get("opr") not in ("production", "testing"):
        raise Refused(400, "the header's opr must be production or testing")


def read_json(text: bytes, what: str) -> Any:
    """Parse JSON. Raises Refused(400), also for a repeated key, a number that is not finite and half a character."""
    try:
        return json.loads(text.decode(), object_pairs_hook=_object, parse_float=_finite, parse_constant=_finite)
    except (ValueError, RecursionError) as error:
        raise Refused(400, f"the {what} is not JSON: {error}") from error


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    for name, value in pairs:
        # Half a surrogate pair ("\\ud800") is no text: to encode it raises a ValueError.
        (name + value if isinstance(value, str) else name).encode()
    if len(found) != len(pairs):
        msg = "a key is repeated"
        raise ValueError(msg)
    return found


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        msg = f"{text} is not a finite number"
        raise ValueError(msg)
    return number


def _signature(segment: bytes) -> bytes:
    """Return the signature's bytes. Whatever follows the 86th character makes it no signature (401, not 400)."""
    raw = _decode(segment[:SIGNATURE_CHARACTERS], "signature")
    return raw + segment[SIGNATURE_CHARACTERS:]


def _decode(segment: bytes, what: str) -> bytes:
    """Decode base64url without padding, in the one spelling each sequence of bytes has."""
    if re.fullmatch(rb"[A-Za-z0-9_-]+", segment) and len(segment) % 4 != 1:
        raw = base64.urlsafe_b64decode(segment + b"=" * (-len(segment) % 4))
        if base64.urlsafe_b64encode(raw).rstrip(b"=") == segment:
            return raw
    raise Refused(400, f"the {what} is not base64url without padding")
