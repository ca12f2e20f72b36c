"""The magic logins of every vendor's consent pages: the user name says what will happen, any password is right."""

from __future__ import annotations

LOGINS = {
    "ok": "Everything works: one home with solar, battery and meter.",
    "ok_two_sites": "Everything works: two homes, the second with solar only.",
    "badlogin": "The password is wrong, whatever you type.",
    "badlogin_after": "Everything works until the first readings were fetched; then the access is taken away.",
    "mfa": "Asks for a code as well. 123456 is right, any other is wrong.",
    "vendor_down": "You can approve, but then the vendor is down (503) when the app wants to finish.",
    "no_devices": "Everything works, but there is no home in the account.",
    "denied": "Sends you back at once, as if you had said no.",
}
MFA_CODE = "123456"


def tidy(login: str) -> str:
    """Return a login as it is looked up: phones like to begin it with a capital and to end it with a space."""
    return login.strip().lower()


def kind_of(login: str) -> str | None:
    """Return the magic login that a tidy `login` behaves as, None for none.

    Each suffix is another owner with other homes and serials: `ok+anna` behaves as `ok` does.
    """
    kind = login.partition("+")[0]
    return kind if kind in LOGINS else None
