"""Pages of site administration: only administrators find them."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user_model
from django.contrib.auth.forms import SetPasswordForm
from django.contrib.auth.tokens import default_token_generator
from django.http import FileResponse, Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.utils.http import urlsafe_base64_decode
from django.utils.translation import gettext as _
from django.views.decorators.cache import cache_control, never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_safe

from keqiao.accounts import selectors as accounts
from keqiao.accounts import services as account_commands
from keqiao.accounts.types import AgreementKind
from keqiao.catalogue import site_tables
from keqiao.kernel import clock, files, site
from keqiao.kernel.errors import BadInput, DomainError, NotFound
from keqiao.kernel.pages import LongList, actor_of, form_page, is_htmx, page, page_number, signed_in
from keqiao.matching import selectors as matching
from keqiao.matching import services as match_commands
from keqiao.matching.types import IndexNotReady
from keqiao.web import presentation_rules, running
from keqiao.web.administration.forms import read_day

View = Callable[..., HttpResponseBase]
RUNS_PER_PAGE = 20
ROWS_PER_PAGE = 100  # three fields a row: fewer than the most that a form may have
TEXTS = ("name_zh", "name_en", "icp_line", "contact_email", "jurisdiction", "time_zone", "region_root")


def operators_only(view: View) -> View:
    """Others find no such page. Put it below `signed_in`."""

    @wraps(view)
    def shown(request: HttpRequest, *given: Any, **named: Any) -> HttpResponseBase:
        if not actor_of(request).is_operator:
            raise NotFound
        return view(request, *given, **named)

    return shown


# --- settings ---------------------------------------------------------------------------------------------------------


@never_cache
@form_page
@signed_in
@operators_only
def site_settings(request: HttpRequest) -> HttpResponse:
    row, problem = site.site(), None
    given = {name: getattr(row, name) for name in TEXTS} | {"languages": site.languages()}
    if request.method == "POST":
        given = {name: request.POST.get(name, "") for name in TEXTS} | {"languages": request.POST.getlist("languages")}
        try:
            _check_region(given["region_root"])
            site.change_site_settings(
                actor=actor_of(request),
                changes=given,
                logo=_upload(request, "logo", site.LARGEST_LOGO),
                drops_logo="drops_logo" in request.POST,
            )
        except BadInput as error:
            problem = error
        else:
            return redirect("/admin/site?saved=1")
    context = {
        "tab": "me",
        "here_tab": "site",
        "given": given,
        "problem": problem,
        "saved": "saved" in request.GET and problem is None,
        "jurisdictions": [(code, presentation_rules.jurisdiction(code)) for code in site.known_jurisdictions()],
        "default_jurisdiction": settings.JURISDICTION,
        "default_zone": settings.SITE_TIME_ZONE,
        "all_languages": settings.LANGUAGES,
        "regions": site_tables.site_table("region")[:ROWS_PER_PAGE],
    }
    return render(request, "administration/site.html", context, status=problem.status if problem else 200)


def _check_region(code: str) -> None:
    if code and not site_tables.site_table("region").filter(code=code).exists():
        message = _("地区表里没有代码“%(code)s”。请先在“地区”里传入本市的地区表。")
        raise BadInput(message % {"code": code[:12]}, field="region_root")


def _upload(request: HttpRequest, name: str, most: int) -> bytes | None:
    """At most one byte more than is allowed: enough to say that it is too large."""
    given = request.FILES.get(name)
    return given.read(most + 1) if given is not None else None


@require_safe
@cache_control(public=True, max_age=86_400)
def logo(request: HttpRequest) -> FileResponse:  # noqa: ARG001 -- Django's signature
    """Everybody sees it; its address carries the digest of its content."""
    found = site.logo_file()
    if found is None:
        raise Http404
    return FileResponse(files.open_file(found), content_type=found.media_type)


# --- the site's own code tables -----------------------------------------------------------------------------------------


@never_cache
@form_page
@signed_in
@operators_only
def code_table(request: HttpRequest, scheme: str) -> HttpResponse:
    problem: BadInput | None = None
    if request.method == "POST":
        try:
            _change_table(request, scheme)
        except BadInput as error:
            problem = error
        else:
            return redirect(f"/admin/site/{scheme}?saved=1")
    shown = LongList(site_tables.site_table(scheme), ROWS_PER_PAGE).get_page(page_number(request.GET))
    context = {
        "tab": "me",
        "here_tab": scheme,
        "scheme": scheme,
        "title": _title(scheme),
        "page": shown,
        "given": request.POST if problem else {},
        "problem": problem,
        "problems": getattr(problem, "problems", [str(problem)] if problem else [])[:20],
        "saved": "saved" in request.GET and problem is None,
        "columns": ", ".join(site_tables.COLUMNS),
    }
    return render(request, "administration/table.html", context, status=problem.status if problem else 200)


def _title(scheme: str) -> str:
    return {"field": _("行业领域"), "region": _("地区")}[scheme]


def _change_table(request: HttpRequest, scheme: str) -> None:
    actor = actor_of(request)
    if "rename" in request.POST:
        codes = request.POST.getlist("code")
        titles = zip(request.POST.getlist("title_zh"), request.POST.getlist("title_en"), strict=False)
        site_tables.rename_codes(actor=actor, scheme=scheme, titles=dict(zip(codes, titles, strict=False)))
        return
    content = _upload(request, "file", site_tables.LARGEST)
    if content is None:
        raise BadInput(_("请选择一个 CSV 文件，例如先下载现有的表再修改。"), field="file")
    site_tables.replace_site_table(actor=actor, scheme=scheme, content=content)


@never_cache
@page
@signed_in
@operators_only
def download_table(request: HttpRequest, scheme: str) -> HttpResponse:  # noqa: ARG001 -- Django's signature
    answer = HttpResponse(site_tables.as_csv(scheme), content_type="text/csv; charset=utf-8")
    answer["Content-Disposition"] = f'attachment; filename="keqiao-{scheme}.csv"'
    return answer


# --- agreements ---------------------------------------------------------------------------------------------------------


@never_cache
@form_page
@signed_in
@operators_only
def agreements(request: HttpRequest) -> HttpResponse:
    """Every text in force, and the form for a newer version."""
    problem = None
    if request.method == "POST":
        try:
            account_commands.add_agreement(
                actor=actor_of(request),
                kind=request.POST.get("kind", ""),
                first_on=read_day(request.POST.get("first_on", ""), field="first_on"),
                text_zh=request.POST.get("text_zh", ""),
                text_en=request.POST.get("text_en", ""),
            )
        except BadInput as error:
            problem = error
        else:
            return redirect("/admin/agreements?saved=1")
    today = clock.today()
    asked = request.POST.get("kind") or request.GET.get("kind", "")
    in_force = accounts.agreements_in_force(today)
    context = {
        "tab": "me",
        "here_tab": "agreements",
        "in_force": in_force,
        "coming": accounts.coming_agreements(today),
        "kinds": AgreementKind.choices,
        "kind": asked,
        "base": next((row for row in in_force if row.kind == asked), None),
        "given": request.POST,
        "problem": problem,
        "saved": "saved" in request.GET and problem is None,
    }
    return render(request, "administration/agreements.html", context, status=problem.status if problem else 200)


# --- how the site runs --------------------------------------------------------------------------------------------------


@never_cache
@page
@signed_in
@operators_only
def health(request: HttpRequest) -> HttpResponse:
    context = {"tab": "me", "here_tab": "health", **running.as_context(running.state())}
    return render(request, "administration/health.html", context)


# --- every need against every achievement -------------------------------------------------------------------------------


@never_cache
@form_page
@signed_in
@operators_only
def all_pairs(request: HttpRequest) -> HttpResponse:
    """The run that is under way, those before, and the buttons that begin and stop one."""
    problem: DomainError | None = None
    if request.method == "POST":
        try:
            if request.POST.get("go") == "stop":
                match_commands.stop_pairs_run(actor=actor_of(request), code=request.POST.get("run", ""))
            else:
                match_commands.begin_all_pairs(actor=actor_of(request))
            return redirect("all_pairs")
        except IndexNotReady as error:
            problem = error
    shown = LongList(matching.pairs_runs_visible_to(actor_of(request)), RUNS_PER_PAGE).get_page(
        page_number(request.GET)
    )
    runs = matching.pairs_progress(shown.object_list)
    under_way = matching.pairs_under_way()
    context = {
        "tab": "me",
        "here_tab": "all_pairs",
        "runs": runs,
        "page": shown,
        "under_way": under_way,
        "at": settings.ALL_PAIRS_AT,
        "most_faults": match_commands.MOST_SHARD_FAULTS,
        "problem": problem,
    }
    template = (
        "administration/_all_pairs_progress.html" if is_htmx(request) and under_way else "administration/all_pairs.html"
    )
    return render(request, template, context, status=problem.status if problem else 200)


# --- the first administrator --------------------------------------------------------------------------------------------


@never_cache
@sensitive_post_parameters()
@form_page
def first_password(request: HttpRequest) -> HttpResponse:
    """Where the link of `keqiao admin add` leads: used once, since setting the password makes it void.

    The token stands in the query, which is not logged.
    """
    user, token = _account(request.GET.get("who", "")), request.GET.get("token", "")
    if user is None or not default_token_generator.check_token(user, token):
        raise NotFound(_("这个链接已经用过或已过期。请在服务器上再运行一次 keqiao admin add。"))
    form = SetPasswordForm(user, request.POST or None)
    if request.method == "POST" and form.is_valid():
        form.save()
        return redirect("/sign-in")
    status = 422 if form.errors else 200
    return render(request, "administration/first_password.html", {"form": form, "email": user.email}, status=status)


def _account(who: str) -> Any:
    try:
        return get_user_model().objects.filter(pk=int(urlsafe_base64_decode(who)), is_active=True).first()
    except (ValueError, OverflowError):
        return None
