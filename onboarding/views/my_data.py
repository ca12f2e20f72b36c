"""A homeowner's data: to take away, and to delete."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from typing import Any

from allauth.decorators import rate_limit
from django import forms
from django.contrib import messages
from django.contrib.auth import logout
from django.contrib.auth.decorators import login_required
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.http import FileResponse, HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods

from gateways.models import Gateway, Partner
from onboarding import deletion, exports
from onboarding.views.home import user_of
from onboarding.views.reauthentication import asked_again

_View = Callable[..., HttpResponseBase]

_IN_MEMORY = 1_000_000
_EVERYWHERE = "account"
# Years of readings keep a thread busy; config.settings says how often that may be.
_not_too_often: Callable[[_View], _View] = rate_limit(action="download", limit_get=True)


class DeletionForm(forms.Form):
    """For which partner, and the word that nobody types by accident."""

    what = forms.ChoiceField(widget=forms.RadioSelect)
    word = forms.CharField(max_length=20, widget=forms.TextInput(attrs={"autocomplete": "off"}))

    def __init__(self, data: Any, *, user: User, **options: Any) -> None:
        super().__init__(data, **options)
        self.partners = list(deletion.partners_of(user))
        what: Any = self.fields["what"]
        what.label, what.choices = _("What to delete"), list(self._choices(user))
        what.initial = _EVERYWHERE
        self.fields["word"].label = _("Type %(word)s to confirm") % {"word": self.expected}

    @property
    def expected(self) -> str:
        return _("DELETE")

    def clean_word(self) -> str:
        """Compare without regard to case, as telephones write capitals of their own."""
        word: str = self.cleaned_data["word"].strip()
        if word.upper() != self.expected.upper():
            raise forms.ValidationError(_("Type the word exactly as it stands there."))
        return word

    def partner(self) -> Partner | None:
        """Return the partner whose data is deleted, None for all that there is."""
        return next((one for one in self.partners if one.slug == self.cleaned_data["what"]), None)

    def _choices(self, user: User) -> Iterator[tuple[str, str]]:
        if len(self.partners) > 1:
            for partner in self.partners:
                yield partner.slug, _("Everything that %(partner)s has of me") % {"partner": partner.name}
        yield _EVERYWHERE, _("Everything") if deletion.keeps_account(user) else _("Everything, and my account here")


@login_required
@never_cache
@require_GET
def my_data(request: HttpRequest) -> HttpResponse:
    return render(request, "home/data.html", {"partners": deletion.partners_of(user_of(request))})


@login_required
@_not_too_often
@never_cache
@require_GET
def download_csv(request: HttpRequest) -> FileResponse:
    """Return all data of the user as a ZIP of CSV files; what does not fit into a megabyte waits on disk."""
    file = tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY)  # noqa: SIM115  the response closes it
    exports.write_zip(user_of(request), file)
    file.seek(0)
    return FileResponse(file, as_attachment=True, filename="my-data.zip")


@login_required
@_not_too_often
@never_cache
@require_GET
def download_json(request: HttpRequest) -> StreamingHttpResponse:
    """Return all data of the user as one JSON, as it comes from the database."""
    response = StreamingHttpResponse(exports.json_chunks(user_of(request)), content_type="application/json")
    response["Content-Disposition"] = 'attachment; filename="my-data.json"'
    return response


@asked_again
@never_cache
@require_http_methods(["GET", "POST"])
def delete(request: HttpRequest) -> HttpResponse:
    """Say what goes and what has to stay, then delete it."""
    user = user_of(request)
    form = DeletionForm(request.POST if request.method == "POST" else None, user=user)
    if request.method == "POST" and form.is_valid():
        try:
            return _delete(request, form.partner())
        except ValidationError as error:  # somebody did it in another window meanwhile
            form.add_error(None, error)
    bound = Gateway.objects.filter(owner=user).exclude(status__in=["created", "registered"]).exists()
    context = {"form": form, "bound": bound, "keeps_account": deletion.keeps_account(user)}
    return render(request, "home/delete.html", context, status=422 if form.is_bound else 200)


def _delete(request: HttpRequest, partner: Partner | None) -> HttpResponse:
    user, now = user_of(request), timezone.now()
    if partner is None:
        gone = deletion.delete_account(user=user, by=user, now=now)
    else:
        gone = deletion.delete_with(user=user, partner=partner, by=user, now=now)
    if gone:
        logout(request)
        return render(request, "home/deleted.html")
    messages.success(request, _("Deleted."))
    return redirect("home")
