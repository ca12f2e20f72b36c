"""What staff can do to rows, from the list and from the row's own page.

An act is an admin action that calls one action of the domain for each row, counts what was done and shows for each
other row why not. Everything that changes something is a POST; what cannot be undone, or needs more to be known, asks
on a page of its own first.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.core.exceptions import ValidationError
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone
from unfold.widgets import UnfoldAdminSelectWidget

from gateways import access, maps
from gateways.access import Duty
from gateways.admin import second_factor
from gateways.models import Partner

_REFUSALS_SHOWN = 10


class ActForm(forms.Form):
    """What is asked before an act is done. It knows who asks and about which rows."""

    help_steps: Sequence[str] = ()

    def __init__(self, data: Any, *, request: HttpRequest, rows: Sequence[Any] = ()) -> None:
        super().__init__(data)
        self.request, self.rows = request, rows


class PartnerForm(ActForm):
    """What is asked for something new of a partner: one of those for whom the user has the duty."""

    partner = forms.ModelChoiceField(Partner.objects.none(), widget=UnfoldAdminSelectWidget)
    duty = Duty.OPERATE

    def __init__(self, data: Any, *, request: HttpRequest, rows: Sequence[Any] = ()) -> None:
        super().__init__(data, request=request, rows=rows)
        choices: Any = self.fields["partner"]
        choices.queryset = access.partners(request.user, self.duty)


@dataclass(frozen=True, kw_only=True)
class Act:
    """How an act looks and who may do it."""

    name: str
    label: str
    done: str
    duty: Duty
    form: type[ActForm] | None
    warning: str
    when: Callable[[Any], bool]
    at_most: int

    @property
    def asks(self) -> bool:
        """Return whether a page of its own comes first."""
        return bool(self.form or self.warning)


def _always(_row: Any) -> bool:
    return True


def act(
    label: str,
    *,
    done: str,
    duty: Duty = Duty.OPERATE,
    form: type[ActForm] | None = None,
    warning: str = "",
    when: Callable[[Any], bool] = _always,
    at_most: int = 1000,
    needs_factor: bool = False,
) -> Callable[[Callable[..., str | None]], Callable[..., HttpResponse | None]]:
    """Make an admin action of `method(self, row, *, by, now, **answers)`, which may return a remark about the row.

    `done` follows the count of rows ("3 gateways suspended"). `warning` has to be confirmed. `when` says for which
    rows the act makes sense, so that a row's page offers only those. With `needs_factor` the second factor has to have
    been given just now: a stolen session does not do it.
    """

    def decorate(method: Callable[..., str | None]) -> Callable[..., HttpResponse | None]:
        name = method.__name__
        about = Act(
            name=name, label=label, done=done, duty=duty, form=form, warning=warning, when=when, at_most=at_most
        )

        def action(admin: Any, request: HttpRequest, queryset: QuerySet[Any]) -> HttpResponse | None:
            if needs_factor and not second_factor.given_recently(request):
                return second_factor.ask(request, then=request.get_full_path())
            return _perform(admin, about, method, request, queryset)

        action.__name__ = method.__name__
        action.__doc__ = method.__doc__
        vars(action).update(act=about, short_description=label, allowed_permissions=(duty.name.lower(),))
        return action

    return decorate


def ask(admin: Any, request: HttpRequest, form: forms.Form | None, **context: Any) -> HttpResponse:
    """Show a page that asks for a form's answers or for a confirmation."""
    page = {
        **admin.admin_site.each_context(request),
        "opts": admin.opts,
        "form": form,
        "media": admin.media,
        **maps.context(),
        **context,
    }
    return TemplateResponse(request, "admin/act.html", page)


def created(admin: Any, request: HttpRequest, form: ActForm) -> Model | None:
    """Create what a valid form asks for; None if something is missing or refused, and the form says what."""
    if request.method != "POST" or not form.is_valid():
        return None
    try:
        row: Model = admin.create(by=request.user, now=timezone.now(), **form.cleaned_data)
    except admin.refusals as error:
        form.add_error(None, "; ".join(reasons(error)))
        return None
    messages.success(request, f"{row} was added.")
    return row


def _perform(
    admin: Any, about: Act, method: Callable[..., str | None], request: HttpRequest, queryset: QuerySet[Any]
) -> HttpResponse | None:
    rows = list(admin.limit(queryset, request, about.duty)[: about.at_most + 1])
    if len(rows) > about.at_most:
        messages.error(request, f"{about.label}: choose at most {about.at_most} at a time.")
        return None
    if left_out := queryset.count() - len(rows):
        messages.warning(request, f"{left_out} left out: your role does not allow this there.")
    if not rows:
        return None
    form = (
        about.form(request.POST if "confirmed" in request.POST else None, request=request, rows=rows)
        if about.form
        else None
    )
    if about.asks and not ("confirmed" in request.POST and (form is None or form.is_valid())):
        selected = {"rows": rows, "act": about, "checkbox": ACTION_CHECKBOX_NAME, "one": "one" in request.POST}
        return ask(admin, request, form, title=about.label, button=about.label, **selected)
    _do(admin, about, method, request, rows, form.cleaned_data if form else {})
    return None


def _do(
    admin: Any,
    about: Act,
    method: Callable[..., str | None],
    request: HttpRequest,
    rows: Sequence[Any],
    answers: dict[str, Any],
) -> None:
    remarks, refused = [], []
    for row in rows:
        name = str(row)
        try:
            remark = method(admin, row, by=request.user, now=timezone.now(), **answers)
        except admin.refusals as error:
            refused += [reason if reason.startswith(name) else f"{name}: {reason}" for reason in reasons(error)]
        except admin.model.DoesNotExist:
            refused.append(f"{name} was deleted meanwhile.")
        else:
            remarks.append(f"{name}: {remark}" if remark else "")
    if remarks:
        noun = admin.opts.verbose_name if len(remarks) == 1 else admin.opts.verbose_name_plural
        messages.success(request, f"{len(remarks)} {noun} {about.done}.")
    _tell(request, messages.INFO, [remark for remark in remarks if remark])
    _tell(request, messages.ERROR, refused)


def _tell(request: HttpRequest, level: int, texts: Sequence[str]) -> None:
    for text in texts[:_REFUSALS_SHOWN]:
        messages.add_message(request, level, text)
    if len(texts) > _REFUSALS_SHOWN:
        messages.add_message(request, level, f"… and {len(texts) - _REFUSALS_SHOWN} more.")


def reasons(error: Exception) -> list[str]:
    """Return what a refusal says, with the next step where its class knows one."""
    if isinstance(error, ValidationError):
        return list(error.messages)
    next_step = getattr(error, "next_step", "")
    return [f"{error} {next_step}".strip()]
