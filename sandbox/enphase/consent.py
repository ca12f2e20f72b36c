"""The pages a homeowner sees: log in, maybe a code, approve or reject. Each form is good for one answer."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import quote

from werkzeug.utils import redirect
from werkzeug.wrappers import Request, Response

from sandbox import logins, pages
from sandbox.clock import Clock
from sandbox.enphase import apps
from sandbox.enphase.apps import App, Apps
from sandbox.enphase.grants import Dialog, Grants

_OVER = "This page was answered before, or it is too old. Please go back to the app you came from and start again."
_LOGIN = """{alert}<p>{app} asks for access to your Enphase account.</p>
<form method="post" action="login">{hidden}
<label for="username">User name</label>
<input id="username" name="username" value="{username}" autocomplete="username" autocapitalize="none" spellcheck="false"
  required>
<label for="password">Password</label>
<input id="password" name="password" type="password" autocomplete="current-password" required>
<button class="primary">Sign in</button></form>
{logins}"""
_CODE = """{alert}<p>We have sent you a code. Please type it here.</p>
<p class="stand-in">In this stand-in it is always {code}.</p>
<form method="post" action="code">{hidden}
<label for="code">Code</label>
<input id="code" name="code" inputmode="numeric" autocomplete="one-time-code" required>
<button class="primary">Continue</button></form>"""
_APPROVE = """<p><strong>{app}</strong> would like to read from all your Enphase systems:</p>
<ul>{groups}</ul>
<p>You are signed in as <strong>{login}</strong>. You can take the access away again in your Enphase account.</p>
<p class="stand-in">{meaning}</p>
<form method="post" action="approve">{hidden}
<button class="primary" name="decision" value="approve">Approve</button>
<button name="decision" value="reject">Reject</button></form>"""


class Consent:
    """Answers what a browser asks below /oauth/, but for the token endpoint, which is none of its business."""

    def __init__(self, apps: Apps, grants: Grants, clock: Clock) -> None:
        self._apps, self._grants, self._clock = apps, grants, clock
        self._steps: dict[str, Callable[[Dialog, Request], Response]] = {
            "login": self._login,
            "code": self._code,
            "approve": self._approve,
        }

    def __call__(self, request: Request) -> Response:
        step = request.path.removeprefix("/api/oauth/")
        if step == "authorize":
            return self._authorize(request)
        dialog = self._grants.resume(request.form.get("transaction", ""), step) if request.method == "POST" else None
        return self._steps[step](dialog, request) if dialog else pages.page("This page is over", _said(_OVER), 400)

    def _authorize(self, request: Request) -> Response:
        """Begin a dialog. What is wrong is said on a page: the redirect URI may be a stranger's."""
        app, redirect_uri = self._apps.by_client(request.args.get("client_id", "")), request.args.get("redirect_uri")
        if wrong := _wrong(request, app, redirect_uri):
            return pages.page("This link does not work", _said(wrong), 400)
        assert app  # noqa: S101  _wrong has looked; mypy cannot see it
        return self._ask_login(Dialog(app.client_id, redirect_uri or "", _raw_state(request)))

    def _login(self, dialog: Dialog, request: Request) -> Response:
        username = logins.tidy(request.form.get("username", ""))
        kind = logins.kind_of(username)
        if kind is None:
            return self._ask_login(dialog, username, "There is no such user. The list below says which there are.")
        if kind == "badlogin" or not request.form.get("password"):
            return self._ask_login(dialog, username, "The user name or the password is wrong. Please try again.")
        known = Dialog(dialog.client_id, dialog.redirect_uri, dialog.state, login=username)
        if kind == "denied":
            return _back(known, "error=access_denied")
        return self._ask_code(known) if kind == "mfa" else self._ask_approval(known)

    def _code(self, dialog: Dialog, request: Request) -> Response:
        if request.form.get("code", "").strip() != logins.MFA_CODE:
            return self._ask_code(dialog, "This code is wrong. Please try again.")
        return self._ask_approval(dialog)

    def _approve(self, dialog: Dialog, request: Request) -> Response:
        if request.form.get("decision") != "approve":
            return _back(dialog, "error=access_denied")
        return _back(dialog, f"code={self._grants.approve(dialog, self._clock.now())}")

    # --- the pages ---------------------------------------------------------------------------------------------------

    def _ask_login(self, dialog: Dialog, username: str = "", wrong: str = "") -> Response:
        fields = {
            "alert": pages.alert(wrong), "app": pages.escape(self._app(dialog).name),
            "username": pages.escape(username), "hidden": self._hidden(dialog, "login"), "logins": pages.MAGIC_LOGINS,
        }  # fmt: skip
        return pages.page("Sign in to Enphase", _LOGIN.format(**fields))

    def _ask_code(self, dialog: Dialog, wrong: str = "") -> Response:
        fields = {"alert": pages.alert(wrong), "code": logins.MFA_CODE, "hidden": self._hidden(dialog, "code")}
        return pages.page("Enter your code", _CODE.format(**fields))

    def _ask_approval(self, dialog: Dialog) -> Response:
        app, kind = self._app(dialog), logins.kind_of(dialog.login) or ""
        fields = {
            "app": pages.escape(app.name), "login": pages.escape(dialog.login),
            "groups": "".join(f"<li>{apps.GROUPS[group]}</li>" for group in app.allowed),
            "meaning": logins.LOGINS[kind], "hidden": self._hidden(dialog, "approve"),
        }  # fmt: skip
        return pages.page("Allow access?", _APPROVE.format(**fields))

    def _app(self, dialog: Dialog) -> App:
        app = self._apps.by_client(dialog.client_id)
        assert app  # noqa: S101  a dialog begins with an app, and none is ever removed
        return app

    def _hidden(self, dialog: Dialog, step: str) -> str:
        number = self._grants.keep(Dialog(dialog.client_id, dialog.redirect_uri, dialog.state, step, dialog.login))
        return pages.hidden({"transaction": number})


def _wrong(request: Request, app: App | None, redirect_uri: str | None) -> str:
    """Return what is wrong with a link to the consent page, nothing if it is right."""
    if request.args.get("response_type") != "code":
        return "The response_type has to be code."
    if app is None:
        return "No app has this client_id."
    if app.kind != "developer":
        return "A partner app gets its tokens by password and asks nobody here."
    if not app.redirect_uris:
        return "This app has no redirect URI yet: register the redirect URI with POST /enphase/__admin/apps."
    if redirect_uri not in app.redirect_uris:
        return (
            "The redirect_uri is none of those that are registered for this app. It has to be the same to the letter."
        )
    return ""


def _said(text: str) -> str:
    return f"<p>{pages.escape(text)}</p>"


def _raw_state(request: Request) -> str | None:
    """Return the state as it stands in the query: it goes back byte for byte, also where it is no UTF-8."""
    pairs = (pair.partition(b"=") for pair in request.query_string.split(b"&"))
    return next((quote(value, safe="%!$'()*+,/:;=?@-._~") for name, _, value in pairs if name == b"state"), None)


def _back(dialog: Dialog, answer: str) -> Response:
    """Send the browser back to the app with an answer and the state, if there was one."""
    joint = "&" if "?" in dialog.redirect_uri else "?"
    state = "" if dialog.state is None else f"&state={dialog.state}"
    return redirect(f"{dialog.redirect_uri}{joint}{answer}{state}", 302)
