"""Pages of imports and exports: parse, one command or selector, render."""

from __future__ import annotations

from itertools import islice
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.csrf import csrf_exempt, csrf_protect
from django.views.decorators.http import require_POST

from keqiao.catalogue import selectors as catalogue
from keqiao.catalogue.types import Mode
from keqiao.interchange import presenting, readers, sending, services, staging, uploads
from keqiao.interchange.exporting import Wanted
from keqiao.interchange.policies import can_export, can_import
from keqiao.interchange.selectors import get_import, own_imports
from keqiao.interchange.types import FileFormat, Kind
from keqiao.kernel.errors import BadInput, DomainError, NotAllowed, NotFound
from keqiao.kernel.files import FileTooLarge
from keqiao.kernel.pages import actor_of, form_page, is_htmx, page, page_number, shown_page, signed_in

EXPORT_FORMATS = (FileFormat.CSV, FileFormat.XLSX, FileFormat.JSONL)
TEMPLATE_FORMATS = (FileFormat.CSV, FileFormat.XLSX)
SAMPLE_ROWS = 20


@csrf_exempt  # checked below, once the upload is measured: checking it here would read the whole form first
def start(request: HttpRequest) -> HttpResponseBase:
    """Choose what and a file; below, the imports so far."""
    uploads.measure(request)
    return _start(request)


@csrf_protect
@form_page
@signed_in
def _start(request: HttpRequest) -> HttpResponse:
    if request.method != "POST":
        return _start_page(request)
    upload = request.FILES.get("file")
    try:
        if upload is None:
            raise (
                FileTooLarge(field="file")
                if uploads.is_too_large(request)
                else BadInput(_("请选择一个文件，例如 成果.xlsx。"), field="file")
            )
        job = services.start_import(
            actor=actor_of(request),
            kind=request.POST.get("kind", ""),
            name=str(upload.name),
            chunks=upload.chunks(uploads.CHUNK),
            publishes=request.POST.get("publishes") == "1",
        )
    except BadInput as error:
        return _start_page(request, error)
    return redirect("import_columns" if not job.is_mapped else "import", code=job.code)


def _start_page(request: HttpRequest, error: DomainError | None = None) -> HttpResponse:
    actor = actor_of(request)
    kinds = presenting.kinds_for(actor)
    found, pager = shown_page(own_imports(actor), request)
    asked = request.POST.get("kind", "") or request.GET.get("kind", "")
    context = {
        "tab": "me",
        "kinds": kinds,
        "chosen": asked if asked in {kind["value"] for kind in kinds} else (kinds[0]["value"] if kinds else ""),
        "may_publish": presenting.may_publish(actor),
        "error": error,
        **pager,
        "rows": list(found),
    }
    return render(request, "interchange/start.html", context, status=error.status if error else 200)


@page
@signed_in
def show(request: HttpRequest, code: str) -> HttpResponse:
    actor = actor_of(request)
    job = get_import(code, actor=actor)
    context = {
        "tab": "me",
        **presenting.progress(job, actor),
        "report": presenting.report(job, page_number(request.GET)),
    }
    return render(request, "interchange/import.html", context)


@page
@signed_in
def progress(request: HttpRequest, code: str) -> HttpResponse:
    """The part that moves, asked for every two seconds; when it stops moving the page is loaded anew."""
    actor = actor_of(request)
    job = get_import(code, actor=actor)
    context = presenting.progress(job, actor)
    if not is_htmx(request):
        return redirect("import", code=code)
    response = render(request, "interchange/_progress.html", context)
    if not context["is_moving"]:
        response["HX-Refresh"] = "true"
    return response


@form_page
@signed_in
def columns(request: HttpRequest, code: str) -> HttpResponse:
    """Which column is which, by hand."""
    actor = actor_of(request)
    job = get_import(code, actor=actor)
    if job.file is None:
        raise NotFound
    chosen, error = dict(job.mapping), None
    if request.method == "POST":
        chosen = {name: request.POST.get(f"c{place}", "")[:40] for place, name in enumerate(job.header)}
        try:
            services.map_columns(actor=actor, code=code, mapping=chosen)
        except BadInput as refused:
            error = refused
        else:
            return redirect("import", code=code)
    samples = _samples(job)
    context = {
        "tab": "me",
        "job": job,
        "rows": presenting.mapping_rows(job, chosen, samples),
        "choices": presenting.choices_of(job.kind),
        "required": presenting.required_names(job.kind),
        "error": error,
    }
    return render(request, "interchange/columns.html", context, status=error.status if error else 200)


def _samples(job: Any) -> dict[str, str]:
    """The first cell with something in it, of every column."""
    found: dict[str, str] = {}
    for row in islice(readers.rows_of(staging.source_of(job)), SAMPLE_ROWS):
        for name, cell in row.cells.items():
            if str(cell).strip():
                found.setdefault(name, str(cell).strip())
    return found


@require_POST
@signed_in
def apply(request: HttpRequest, code: str) -> HttpResponse:
    services.apply_import(actor=actor_of(request), code=code)
    return redirect("import", code=code)


@require_POST
@signed_in
def cancel(request: HttpRequest, code: str) -> HttpResponse:
    services.cancel_import(actor=actor_of(request), code=code)
    return redirect("import", code=code)


@page
@signed_in
def errors(request: HttpRequest, code: str, extension: str) -> HttpResponseBase:
    """The file back with a column of errors."""
    job = get_import(code, actor=actor_of(request))
    if job.file is None or extension not in TEMPLATE_FORMATS:
        raise NotFound
    return sending.errors(job, extension)


@page
@signed_in
def template(request: HttpRequest, kind: str, extension: str) -> HttpResponseBase:
    if kind not in Kind.values or extension not in TEMPLATE_FORMATS:
        raise NotFound
    if not can_import(actor_of(request), kind):
        raise NotAllowed
    return sending.template(kind, extension)


# --- out --------------------------------------------------------------------------------------------------------------


@page
@signed_in
def export_page(request: HttpRequest) -> HttpResponse:
    """Choose what goes out, with the filters of the list that one comes from."""
    actor = actor_of(request)
    kinds = [(kind.value, kind.label) for kind in Kind if can_export(actor, kind)]
    asked = {"achievement": "achievements", "need": "needs"}.get(
        request.GET.get("kind", ""), request.GET.get("kind", "")
    )
    context = {
        "tab": "me",
        "kinds": kinds,
        "wanted": wanted_of(request, asked if asked in dict(kinds) else kinds[0][0]),
        "formats": [(each.value, each.label) for each in EXPORT_FORMATS],
        "fields": catalogue.table("field"),
        "modes": Mode.choices,
        "target": reverse("export"),
    }
    return render(request, "interchange/export.html", context)


@page
@signed_in
def export(request: HttpRequest) -> HttpResponseBase:
    """The file itself."""
    extension = request.GET.get("format", "csv")
    if extension not in EXPORT_FORMATS:
        raise BadInput(field="format")
    return sending.export(actor_of(request), wanted_of(request, request.GET.get("kind", "")), extension)


def wanted_of(request: HttpRequest, kind: str) -> Wanted:
    given = {name: request.GET.get(name, "")[:200] for name in ("q", "field", "region", "mode", "organisation")}
    given["mode"] = given["mode"] or request.GET.get("modes", "")[:200]
    return Wanted(kind=kind, own=request.GET.get("own") == "1", **given)
