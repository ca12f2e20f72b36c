"""The class that every admin class inherits from: whose rows are shown, and what may be done to them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, NoReturn

from django.contrib.admin import AdminSite
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied, ValidationError
from django.core.paginator import Paginator
from django.db.models import ForeignKey, Model, QuerySet
from django.forms import ModelChoiceField
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.utils.functional import cached_property
from unfold.admin import ModelAdmin

from gateways import access, vault
from gateways.access import Duty
from gateways.admin import acts, columns, lists
from gateways.models import Partner

_CHANGES_SHOWN = 100


class CappedPaginator(Paginator):  # type: ignore[type-arg]  # Django has no subscript for it
    """Counts to 10,000 and no further: the tables behind it have millions of rows, and filters lead to the rest."""

    @cached_property
    def count(self) -> int:
        rows = self.object_list
        return rows.order_by()[:10_000].count() if isinstance(rows, QuerySet) else len(rows)


class PartnerAdmin(ModelAdmin):
    """Shows the rows of the partners that a user is a member of, and nothing of the others.

    `partner_paths` says how a row reaches its partner (`gateways.access`); a class without it fails at import. Nothing
    can be added, changed or deleted unless the class says so.
    """

    partner_paths: ClassVar[tuple[str, ...]]
    addable = editable = deletable = False
    change_duty = Duty.OPERATE
    create_form: ClassVar[type[acts.ActForm] | None] = None
    """asked for instead of the model's own fields; its answers go to `create`"""
    refusals: ClassVar[tuple[type[Exception], ...]] = (ValidationError, vault.VaultError)
    """what an action may raise to say why it cannot be done; shown to the user, never a failure of the page"""

    list_filter_submit = list_fullwidth = True
    warn_unsaved_form = True
    change_form_outer_before_template = "admin/row_head.html"

    class Media:
        css = {"all": ("css/admin.css",)}

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "partner_paths" not in vars(cls):
            msg = f"{cls.__name__} must say in partner_paths how its rows reach a partner."
            raise TypeError(msg)

    def __init__(self, model: type[Model], admin_site: AdminSite) -> None:
        super().__init__(model, admin_site)
        for path in self.partner_paths:
            if _end_of(model, path) is not Partner:
                msg = f"{path!r} does not lead from {model.__name__} to a partner."
                raise TypeError(msg)

    # --- Whose rows ---------------------------------------------------------------------------------------------------

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return self.limit(super().get_queryset(request), request, Duty.SEE)

    def limit(self, rows: QuerySet[Any], request: HttpRequest, duty: Duty) -> QuerySet[Any]:
        """Keep the rows that the user may do a duty to."""
        return access.limit(rows, self.partner_paths, request.user, duty)

    def formfield_for_foreignkey(
        self, db_field: ForeignKey[Any, Any], request: HttpRequest, **kwargs: Any
    ) -> ModelChoiceField[Any] | None:
        kwargs.setdefault("queryset", choices_of(self.admin_site, db_field.related_model, request, self.change_duty))
        field: ModelChoiceField[Any] | None = super().formfield_for_foreignkey(db_field, request, **kwargs)
        return field

    # --- What may be done ---------------------------------------------------------------------------------------------

    def may(self, request: HttpRequest, duty: Duty, row: Model | None = None) -> bool:
        """Return whether the user may do a duty to this row or, without one, to any."""
        if row is None:
            return access.may_somewhere(request.user, duty, self.partner_paths)
        return access.may(request.user, duty, row, self.partner_paths)

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self.may(request, Duty.SEE)

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return self.may(request, Duty.SEE, obj)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return self.addable and self.may(request, self.change_duty)

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return self.editable and self.may(request, self.change_duty, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return self.deletable and self.may(request, self.change_duty, obj)

    # Django asks for these by the names in an action's `allowed_permissions`.
    def has_help_permission(self, request: HttpRequest) -> bool:
        return self.may(request, Duty.HELP)

    def has_operate_permission(self, request: HttpRequest) -> bool:
        return self.may(request, Duty.OPERATE)

    # --- Pages --------------------------------------------------------------------------------------------------------

    def links(self, row: Any) -> Sequence[tuple[str, str]]:  # noqa: ARG002  a hook
        """Return (text, URL) of what belongs to a row and is found on other pages."""
        return ()

    def render_change_form(self, request: HttpRequest, context: Any, *args: Any, **kwargs: Any) -> HttpResponse:
        if (row := context.get("original")) is not None:
            context |= {"acts": self._acts_for(request, row), "links": self.links(row)}
        response: HttpResponse = super().render_change_form(request, context, *args, **kwargs)
        return response

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        if self.create_form is None:
            response: HttpResponse = super().add_view(request, form_url, extra_context)
            return response
        if not self.has_add_permission(request):
            raise PermissionDenied
        form = self.create_form(request.POST or None, request=request, rows=())
        row = acts.created(self, request, form)
        if row is None:
            return acts.ask(self, request, form, title=f"Add {self.opts.verbose_name}", button="Add")
        return self.added(request, row)

    def added(self, request: HttpRequest, row: Any) -> HttpResponse:
        """Return what is answered when a row was added."""
        return HttpResponseRedirect(self.next_page(request, row))

    def next_page(self, request: HttpRequest, row: Any) -> str:  # noqa: ARG002  a hook
        """Return the address of what is shown when a row was added."""
        return columns.page(row)

    def _get_obj_does_not_exist_redirect(self, *_: Any) -> NoReturn:
        # Django would go to the front page with a message; a row of somebody else is simply not there.
        raise Http404

    def create(self, *, by: Any, now: Any, **fields: Any) -> Model:
        """Do what `create_form` asked for; raises one of `refusals`."""
        raise NotImplementedError

    def save_model(self, request: HttpRequest, obj: Model, form: Any, change: bool) -> None:  # noqa: ARG002, FBT001
        # A change writes what was changed and nothing else: workers write to the same rows.
        obj.save(update_fields=form.changed_data) if change else obj.save()

    def history_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> HttpResponse:
        """Show what was changed, when and by whom; nothing for models that keep no history."""
        row = self.get_object(request, unquote(object_id))
        if row is None:
            raise Http404
        context = {
            **self.admin_site.each_context(request),
            "title": f"History of {row}",
            "opts": self.opts,
            "media": self.media,
            "original": row,
            "links": self.links(row),
            "changes": _changes(row) if hasattr(row, "history") else (),
            **(extra_context or {}),
        }
        return TemplateResponse(request, "admin/row_history.html", context)

    def response_action(self, request: HttpRequest, queryset: QuerySet[Any], *args: Any) -> HttpResponse | None:
        response: HttpResponse | None = super().response_action(request, queryset, *args)
        if isinstance(response, HttpResponseRedirect) and "one" in request.POST:
            row = queryset.filter(pk__in=request.POST.getlist("_selected_action")).first()
            return HttpResponseRedirect(columns.page(row)) if row else response
        return response

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        """Offer what can be done, and every list as CSV."""
        found: dict[str, Any] = super().get_actions(request)
        if "_popup" not in request.GET:
            found["export_csv"] = (lists.export_csv, "export_csv", "Export as CSV")
        return found

    def _acts_for(self, request: HttpRequest, row: Model) -> list[acts.Act]:
        offered = [getattr(function, "act", None) for function, *_ in self.get_actions(request).values()]
        return [act for act in offered if act and act.when(row) and self.may(request, act.duty, row)]


def choices_of(site: AdminSite, model: Any, request: HttpRequest, duty: Duty) -> QuerySet[Any]:
    """Return the rows of a model that the user may choose from; none of a model without an admin of ours."""
    rows = model._default_manager.all()
    owner = site._registry.get(model)  # noqa: SLF001  get_model_admin raises where there is none
    return owner.limit(rows, request, duty) if isinstance(owner, PartnerAdmin) else rows.none()


def _end_of(model: type[Model], path: str) -> Any:
    end: Any = model
    for step in path.split("__"):
        end = end if step == "pk" else end._meta.get_field(step).related_model
    return end


def _changes(row: Any) -> list[dict[str, Any]]:
    """Return the newest changes of a row, each with its fields' old and new values."""
    records = list(
        row.history.select_related("history_user").order_by("-history_date", "-history_id")[: _CHANGES_SHOWN + 1]
    )
    before = [*records[1:], None]
    return [
        {"record": record, "fields": record.diff_against(older, foreign_keys_are_objs=True).changes if older else ()}
        for record, older in list(zip(records, before, strict=True))[:_CHANGES_SHOWN]
    ]
