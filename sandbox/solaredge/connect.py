"""SolarEdge Connect, where an owner signs in and shares one site with an application: /solaredge/connect/authorize.

One visit is one row from the first page to the last; its id goes along in the forms and is good for one answer.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlencode

from werkzeug.datastructures import MultiDict
from werkzeug.wrappers import Request, Response

from sandbox import logins, pages
from sandbox.server import World
from sandbox.solaredge import owners
from sandbox.solaredge.apps import Apps
from sandbox.solaredge.grants import MOST_MONTHS, SCOPES, Grants
from sandbox.solaredge.homes import Site
from sandbox.solaredge.problems import Problem

_TABLE = """
CREATE TABLE IF NOT EXISTS solaredge_visit (
    id TEXT PRIMARY KEY, began REAL NOT NULL, asked TEXT NOT NULL,  -- what the application asked for
    login TEXT, proven INTEGER NOT NULL DEFAULT 0
);
"""
_VISIT_S = 3600
_ECHOED = ("external_id", "state")


class Connect:
    """Walks an owner from the application's link through sign-in and consent, and back to the application."""

    def __init__(self, world: World, apps: Apps, grants: Grants, settings: Callable[[], Mapping[str, Any]]) -> None:
        self._state, self._clock = world.state, world.clock
        self._apps, self._grants, self._settings = apps, grants, settings
        self._state.script(_TABLE)

    def __call__(self, request: Request) -> Response:
        match request.path.removeprefix("/connect/"), request.method:
            case "authorize", "GET":
                return self._begin(request.args)
            case "login" | "code" | "consent" as step, "POST":
                visit = self._visit(request.form.get("visit", ""))
                answers = {"login": self._login, "code": self._code, "consent": self._consent}
                return answers[step](visit, request.form) if visit else _over()
        return pages.page("There is no such page", "<p>Go back to the app you came from and start again.</p>", 404)

    def _begin(self, args: MultiDict[str, str]) -> Response:
        redirect_uri = self._apps.redirect_uri(args.get("client_id", ""))
        if redirect_uri is None:
            return pages.page("We do not know this app", "<p>Its client_id is not registered here.</p>", 400)
        if not redirect_uri:
            said = "Register its redirect URI first: <code>POST /solaredge/__admin/apps</code>."
            return pages.page("This app has no address to go back to", f"<p>{said}</p>", 400)
        try:
            asked = {**_asked(args), **{name: args[name] for name in ("client_id", *_ECHOED) if name in args}}
        except Problem as problem:
            return pages.page("The app asks in a way we do not know", f"<p>{pages.escape(problem.detail)}</p>", 400)
        return _login_page(self._open(asked))

    def _login(self, visit: dict[str, Any], form: MultiDict[str, str]) -> Response:
        login = logins.tidy(form.get("login", ""))
        kind = logins.kind_of(login)
        if kind in (None, "badlogin") or not form.get("password"):
            return _login_page(visit["id"], login, "The user name or the password is wrong.")
        proven = kind != "mfa"
        self._state.run("UPDATE solaredge_visit SET login = ?, proven = ? WHERE id = ?", (login, proven, visit["id"]))
        return self._welcome({**visit, "login": login}) if proven else _code_page(visit["id"])

    def _code(self, visit: dict[str, Any], form: MultiDict[str, str]) -> Response:
        if not visit["login"]:
            return _over()
        if form.get("code", "").strip() != logins.MFA_CODE:
            return _code_page(visit["id"], "This code is wrong.")
        self._state.run("UPDATE solaredge_visit SET proven = 1 WHERE id = ?", (visit["id"],))
        return self._welcome(visit)

    def _welcome(self, visit: dict[str, Any]) -> Response:
        """Answer somebody who has signed in."""
        sites = owners.sites_of(visit["login"])
        if logins.kind_of(visit["login"]) == "denied":
            return self._back(visit)
        if len(sites) > 1 and self._settings()["multi_site"] == "refuse":
            # What is known of the real page is this half of a sentence.
            said = "Your account is associated to multiple SolarEdge sites, so it cannot be connected here."
            return pages.page("We cannot connect this account", f"<p>{said}</p>", 400)
        return _consent_page(visit, sites)

    def _consent(self, visit: dict[str, Any], form: MultiDict[str, str]) -> Response:
        if not visit["proven"]:
            return _over()
        if form.get("decision") != "share":
            return self._back(visit)
        mine = {str(site.site_id): site.site_id for site in owners.sites_of(visit["login"])}
        if form.get("site") not in mine:
            return _consent_page(visit, owners.sites_of(visit["login"]), "Choose one of your sites.")
        return self._back(visit, mine[form["site"]])

    def _back(self, visit: dict[str, Any], site_id: int | None = None) -> Response:
        """End the visit, with a grant of a site or a no, and send the browser to the address that is registered."""
        if not self._state.run("DELETE FROM solaredge_visit WHERE id = ?", (visit["id"],)):
            return _over()
        settings, asked = self._settings(), visit["asked"]
        said = settings["denial"] if site_id is None else self._approve(visit, site_id)
        echoed = [name for name in _ECHOED if name in asked and not (name == "state" and settings["drop_state"])]
        uri = str(self._apps.redirect_uri(asked["client_id"]))
        query = urlencode({**said, **{name: asked[name] for name in echoed}})
        return Response(status=302, headers={"Location": f"{uri}{'&' if '?' in uri else '?'}{query}"})

    def _approve(self, visit: dict[str, Any], site_id: int) -> dict[str, Any]:
        asked = visit["asked"]
        code = self._grants.approve(
            client_id=asked["client_id"], login=visit["login"], site_id=site_id,
            scopes=asked["scopes"], months=asked["months"],
        )  # fmt: skip
        return {"code": code, "site_id": site_id}

    def _open(self, asked: dict[str, Any]) -> str:
        visit, now = secrets.token_urlsafe(16), self._clock.now().timestamp()
        self._state.run("DELETE FROM solaredge_visit WHERE began < ?", (now - _VISIT_S,))
        self._state.run(
            "INSERT INTO solaredge_visit (id, began, asked) VALUES (?, ?, ?)", (visit, now, json.dumps(asked))
        )
        return visit

    def _visit(self, visit: str) -> dict[str, Any] | None:
        row = self._state.row("SELECT * FROM solaredge_visit WHERE id = ?", (visit,))
        return {**dict(row), "asked": json.loads(row["asked"])} if row else None


def _asked(args: Mapping[str, str]) -> dict[str, Any]:
    """Read what is asked for; by default all, for as long as can be. Raises Problem 400."""
    scopes = args.get("scope", " ".join(SCOPES)).replace(",", " ").split()
    if not scopes or not {*scopes} <= SCOPES.keys():
        raise Problem(400, f"scope is one or more of {', '.join(SCOPES)}.")
    months = args.get("access_duration", str(MOST_MONTHS))
    if not months.isdecimal() or not 1 <= int(months) <= MOST_MONTHS:
        raise Problem(400, f"access_duration is a number of months, at most {MOST_MONTHS}.")
    return {"scopes": scopes, "months": int(months)}


def _login_page(visit: str, login: str = "", wrong: str = "") -> Response:
    return pages.page(
        "Sign in to SolarEdge",
        f'{pages.alert(wrong)}<form method="post" action="login">{pages.hidden({"visit": visit})}'
        f'<label for="login">User name</label><input id="login" name="login" value="{pages.escape(login)}" required '
        'autocomplete="username" autocapitalize="none" spellcheck="false">'
        '<label for="password">Password</label><input id="password" name="password" type="password" required '
        'autocomplete="current-password"><button class="primary">Sign in</button></form>'
        f"{pages.MAGIC_LOGINS}",
    )


def _code_page(visit: str, wrong: str = "") -> Response:
    return pages.page(
        "Enter your code",
        f'{pages.alert(wrong)}<form method="post" action="code">{pages.hidden({"visit": visit})}'
        '<label for="code">The six digits we sent you</label><input id="code" name="code" required '
        'inputmode="numeric" autocomplete="one-time-code"><button class="primary">Continue</button></form>'
        f'<p class="stand-in">This is a stand-in: the code is {logins.MFA_CODE}.</p>',
    )


def _consent_page(visit: dict[str, Any], sites: tuple[Site, ...], wrong: str = "") -> Response:
    asked = visit["asked"]
    shared = "".join(f"<li>It can read {pages.escape(SCOPES[scope])}.</li>" for scope in asked["scopes"])
    return pages.page(
        "Share your site?",
        f"{pages.alert(wrong)}<p><strong>{pages.escape(asked['client_id'])}</strong> asks to read data of one site for "
        f'{asked["months"]} months.</p><ul>{shared}</ul><form method="post" action="consent">'
        f"{pages.hidden({'visit': visit['id']})}{_choice(sites)}"
        '<button class="primary" name="decision" value="share">Share</button>'
        '<button name="decision" value="refuse" formnovalidate>Do not share</button></form>',
    )


def _choice(sites: tuple[Site, ...]) -> str:
    if len(sites) == 1:
        return f"<p>{_name(sites[0])}</p>{pages.hidden({'site': str(sites[0].site_id)})}"
    radios = "".join(
        f'<label><input type="radio" name="site" value="{site.site_id}" required>{_name(site)}</label>'
        for site in sites
    )
    return f"<fieldset><legend>Which site?</legend>{radios}</fieldset>"


def _name(site: Site) -> str:
    return pages.escape(f"{site.entry['name']}, {site.location['city']} (site {site.site_id})")


def _over() -> Response:
    return pages.page("This page is over", "<p>Go back to the app you came from and start again.</p>", 400)
