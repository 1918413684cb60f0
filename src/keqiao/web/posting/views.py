"""The forms: every step is a page that is sent, saved and answered; a script saves on the way."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from functools import wraps
from typing import Any

from django.db import IntegrityError, transaction
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.http.request import QueryDict
from django.shortcuts import redirect, render
from django.utils.crypto import salted_hmac
from django.utils.translation import gettext as _
from django.views.decorators.csrf import csrf_exempt, csrf_protect
from django.views.decorators.http import require_POST

from keqiao.catalogue import selectors as catalogue
from keqiao.catalogue import services as items
from keqiao.catalogue.types import AssetKind, AssetStatus, AttachmentLevel
from keqiao.inference import selectors as inference
from keqiao.inference.types import Service
from keqiao.kernel import clock
from keqiao.kernel.errors import BadInput, DomainError, NotFound
from keqiao.kernel.files import FileTooLarge
from keqiao.kernel.pages import LongList, actor_of, form_page, page, page_number, signed_in
from keqiao.parties import selectors as parties
from keqiao.submissions import selectors as submissions
from keqiao.submissions import services
from keqiao.submissions.content import BadContent, Problem, problems_of
from keqiao.submissions.models import Submission
from keqiao.submissions.policies import can_write
from keqiao.submissions.suggestions import open_suggestions
from keqiao.submissions.workflow import WRITABLE
from keqiao.web.posting import forms, hinting, presentation
from keqiao.web.posting.steps import LAST, ROWS, STEPS
from keqiao.web.posting.uploads import StopsWhenTooLarge
from keqiao.web.presentation import Words, window

DRAFTS_PER_PAGE = 10


# --- begin, go on, throw away -------------------------------------------------------------------------------------------


@form_page
@signed_in
def start(request: HttpRequest) -> HttpResponse:
    """Choose what to post and for whom; drafts that were begun stand below."""
    actor = actor_of(request)
    houses = list({post.organisation_id: post.organisation for post in parties.posts_of(actor)}.values())
    if request.method == "POST":
        organisation = next((o for o in houses if o.code == request.POST.get("organisation")), None)
        if organisation is None:
            raise NotFound
        draft = services.start_draft(actor=actor, kind=request.POST.get("kind", ""), organisation_id=organisation.pk)
        return redirect("draft_step", draft.code, 1)
    drafts = LongList(submissions.open_drafts(actor), DRAFTS_PER_PAGE).get_page(page_number(request.GET))
    for draft in drafts:
        draft.title = presentation.title_of(draft.content)
    context = {
        "tab": "post",
        "houses": houses,
        "page": drafts,
        "pages": window(drafts.number, drafts.paginator.num_pages),
    }
    return render(request, "posting/start.html", context)


@page
@signed_in
def resume(request: HttpRequest, code: str) -> HttpResponse:
    """Where it was left, on whatever device."""
    return redirect("draft_step", code, submissions.get_submission(code, actor=actor_of(request)).step)


@require_POST
@signed_in
def change(request: HttpRequest, code: str, kind: str) -> HttpResponse:
    """Write a new version of a public item."""
    draft = services.start_change(actor=actor_of(request), kind=kind, item_code=code)
    return redirect("draft", draft.code)


@form_page
@signed_in
def discard(request: HttpRequest, code: str) -> HttpResponse:
    draft = submissions.get_submission(code, actor=actor_of(request))
    if request.method == "POST":
        services.discard_draft(actor=actor_of(request), code=code)
        return redirect("post")
    return render(request, "posting/discard.html", {"draft": draft, "title": presentation.title_of(draft.content)})


# --- one step -----------------------------------------------------------------------------------------------------------


def takes_files(view: Callable[..., Any]) -> Callable[..., Any]:
    """The size of an upload is watched from its first byte, so before the check of the token reads the form."""

    @csrf_exempt
    @wraps(view)
    def watched(request: HttpRequest, *given: Any, **named: Any) -> Any:
        watch = StopsWhenTooLarge(request)
        request.upload_handlers.insert(0, watch)
        request.watch = watch  # type: ignore[attr-defined]
        return csrf_protect(view)(request, *given, **named)

    return watched


@takes_files
@form_page
@signed_in
def write(request: HttpRequest, code: str, step: int) -> HttpResponse:
    draft = submissions.get_submission(code, actor=actor_of(request))
    if not 1 <= step <= LAST:
        raise NotFound
    if draft.state not in WRITABLE or not can_write(actor_of(request), draft):
        return redirect("submission", code)
    if request.method != "POST":
        return _step(request, draft, step)
    try:
        return _sent(request, draft, step)
    except services.SavedElsewhere:
        return _two_versions(request, code, step)


# Buttons that change one part of a step, and where the page is shown again.
SMALL = {"add": "indicators", "remove": "", "confirm": "classes", "drop": "files"}


def _sent(request: HttpRequest, draft: Submission, step: int) -> HttpResponse:
    """Saved first, whatever is wrong with it; then what the pressed button asks for."""
    post = request.POST
    small = next((name for name in SMALL if name in post), "")  # such a button changes this step and stays on it
    go = post.get("go") or ("stay" if small else "next")
    to = _target(go, step)
    draft = _save(request, draft, step, to=to)
    if wrong := _extras(request, draft):
        return _step(request, submissions.get_submission(draft.code, actor=actor_of(request)), step, wrong, status=422)
    if go == "submit":
        return _submit(request, draft)
    if go == "later":
        return redirect("post")
    if go == "next":
        wrong = [each for each in _wrongs(draft) if each.step == step]
        if wrong:  # the form is left here, not on the next step
            draft = services.save_draft(
                actor=actor_of(request), code=draft.code, revision=draft.revision, content={}, step=step
            )
            return _step(request, draft, step, wrong, status=422)
    anchor = next((f"#{name}" for name in ("indicators", "team", "files", "rights", "classes") if name in go), "")
    if small:
        rows = post.get("remove", "").partition(".")[0]
        anchor = f"#{SMALL[small] or (rows if rows in ROWS[draft.kind] else '')}"
    return redirect(f"/post/{draft.code}/{to}{anchor}")


def _target(go: str, step: int) -> int:
    if go == "next":
        return min(step + 1, LAST)
    if go == "back":
        return max(step - 1, 1)
    name, _colon, number = go.partition(":")
    return int(number) if name == "step" and number in {"1", "2", "3", "4", "5"} else step


def _save(request: HttpRequest, draft: Submission, step: int, to: int) -> Submission:
    content = _written(draft, step, request.POST)
    revision = _revision(request.POST)
    if revision != draft.revision and not forms.differing(content, draft.content):
        revision = draft.revision  # saved elsewhere, but not otherwise: nothing is lost
    return services.save_draft(actor=actor_of(request), code=draft.code, revision=revision, step=to, content=content)


def _written(draft: Submission, step: int, post: QueryDict) -> dict[str, Any]:
    """What the form says, with a row taken away or a suggestion taken over where such a button was pressed."""
    content = forms.read_step(draft.kind, step, post)
    if remove := post.get("remove"):
        name, _dot, number = remove.partition(".")
        rows = content.get(name)
        if isinstance(rows, list) and number.isdigit() and int(number) < len(rows):
            content[name] = [row for n, row in enumerate(rows) if n != int(number)] or None
    if add := post.get("add"):
        row = _row(add)
        if row and "indicators" in content:
            content["indicators"] = [*(content["indicators"] or []), row]
    if confirm := post.get("confirm"):
        _confirm(content, confirm)
    if (drop := post.get("drop", "")).isdigit() and content.get("attachments"):
        content["attachments"] = [row for row in content["attachments"] if row["file_id"] != int(drop)] or None
    return content


def _row(text: str) -> dict[str, Any]:
    try:
        row = json.loads(text)
    except ValueError:
        return {}
    known = {"name_zh", "name_en", "comparator", "value", "high", "unit"}
    return {k: v for k, v in row.items() if k in known and isinstance(v, str) and v} if isinstance(row, dict) else {}


def _confirm(content: dict[str, Any], what: str) -> None:
    """A suggested class that a person took over, as if typed."""
    name, _colon, code = what.partition(":")
    if name == "field" and "field" in content:
        before = f"field:{content['field']}"
        content["field"] = code[:24]
        content["confirmed"] = [*(c for c in content.get("confirmed") or [] if c != before), f"field:{code[:24]}"]
    elif name in {"ipc", "industry"} and name in content:
        content[name] = [*(content[name] or []), code[:40]]
        content["confirmed"] = [*(content.get("confirmed") or []), f"{name}:{code[:40]}"]


def _extras(request: HttpRequest, draft: Submission) -> list[presentation.Wrong]:
    """An upload or a new right that came with the step; what is wrong with it."""
    post = request.POST
    try:
        if request.watch.is_too_large:  # type: ignore[attr-defined]
            raise FileTooLarge(field="file")
        upload = request.FILES.get("file")
        if upload is not None:
            services.attach_file(
                actor=actor_of(request),
                code=draft.code,
                name=upload.name or "",
                file=upload.file or upload,
                level=post.get("file.level") or AttachmentLevel.SIGNED_IN,
                title=forms.tidy(post.get("file.title", "")),
                proves=post.get("file.proves", ""),
            )
        elif post.get("go") == "attach":
            raise BadInput(_("先选一个文件，例如“检测报告.pdf”。"), field="file")  # noqa: TRY301 -- as above
        if post.get("go") == "asset":
            _add_asset(request, draft)
    except (BadInput, IntegrityError) as error:
        place = error.field if isinstance(error, DomainError) else "asset.number"
        said = str(error) if isinstance(error, DomainError) else _("这个号已经登记过，请在上面的列表里选，或核对号码。")
        label = _("附件") if place in {"file", "level"} else _("知识产权")
        return [presentation.Wrong(place, label, said, 0)]
    return []


def _add_asset(request: HttpRequest, draft: Submission) -> None:
    """Register a right of the organisation and take it into the draft."""
    given = {name: forms.tidy(request.POST.get(f"asset.{name}", "")) for name in ("kind", "number", "title", "status")}
    if given["kind"] not in AssetKind.values or given["status"] not in AssetStatus.values:
        raise BadInput(_("选知识产权的种类和状态，例如“发明专利”“授权”。"), field="asset.kind")
    if not given["title"] or len(given["title"]) > 300:
        raise BadInput(_("写知识产权的名称，三百字以内，例如“一种耐酸纳滤膜”。"), field="asset.title")
    if len(given["number"]) > 40:
        raise BadInput(_("号码最多四十个字符，例如 CN202310123456.7。"), field="asset.number")
    with transaction.atomic():
        try:
            asset = items.register_asset(
                actor=actor_of(request),
                kind=given["kind"],
                number=given["number"],
                title_zh=given["title"],
                status=given["status"],
                owner_id=draft.organisation_id,
            )
        except BadInput as error:
            raise BadInput(str(error), field="asset.number") from error
        ids = [*(draft.content.get("asset_ids") or []), asset.pk]
        services.save_draft(
            actor=actor_of(request), code=draft.code, revision=draft.revision, content={"asset_ids": ids}
        )


def _submit(request: HttpRequest, draft: Submission) -> HttpResponse:
    if request.POST.get("agreed") != "1":
        message = _("提交前请确认内容不含国家秘密和他人商业秘密。")
        wrong = [presentation.Wrong("agreed", _("声明"), message, LAST)]
        return _step(request, draft, LAST, wrong, status=422)
    try:
        services.submit(actor=actor_of(request), code=draft.code, revision=draft.revision)
    except BadContent as error:
        first = presentation.first_language(draft.content)
        return _step(request, draft, LAST, presentation.wrongs(draft.kind, error.problems, first), status=422)
    except BadInput as error:
        wrong = [presentation.Wrong(error.field or "agreed", _("提交"), str(error), LAST)]
        return _step(request, draft, LAST, wrong, status=422)
    return redirect("submission", draft.code)


def _wrongs(draft: Submission) -> list[presentation.Wrong]:
    found: Sequence[Problem] = problems_of(draft.kind, draft.content, today=clock.today())
    return presentation.wrongs(draft.kind, found, presentation.first_language(draft.content))


def _revision(post: QueryDict) -> int:
    text = post.get("revision", "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0


def _step(
    request: HttpRequest, draft: Submission, step: int, wrong: Sequence[presentation.Wrong] = (), status: int = 200
) -> HttpResponse:
    """The page of a step. `wrong`: what stands in the way of going on."""
    actor, words = actor_of(request), Words(catalogue.table)
    regions = presentation.region_options(list(words.table("region").values()))
    every = _wrongs(draft)
    shown = STEPS[draft.kind][step - 1]
    files = submissions.files_seen_by(draft, draft.content, actor=actor)
    names = {pk: file.name for pk, file in files.items()}
    form = presentation.Form(draft.kind, draft.content, words, wrong, regions)
    context: dict[str, Any] = {
        "tab": "post",
        "draft": draft,
        "kind": draft.kind,
        "step": step,
        "last": LAST,
        "shown": shown,
        "next_name": STEPS[draft.kind][step].name if step < LAST else "",
        "form": form,
        "pairs": form.texts(shown.texts),
        "wrong": list(wrong),
        "steps": presentation.steps(draft.kind, draft.content, every, step, max(draft.step, step)),
        "saved_at": _minute(draft),
        "layout": f"posting/layout_{draft.kind}_{step}.html",
        **_errors_outside(wrong),
        "keeper": _keeper(actor.person_id),
        "comparators": presentation.COMPARATORS,
        "evidences": presentation.EVIDENCE,
        "levels": presentation.LEVELS,
        "notes": hinting.open_questions(draft),
        **_unconfirmed(draft),
        "translates": inference.provider(Service.CHAT) is not None,
        **hinting.of_step(draft, step, actor=actor),
    }
    if "files" in shown.groups:
        rows = [row for row in draft.content.get("attachments") or [] if row.get("file_id") in files]
        context["files"] = [{**row, "file": files[row["file_id"]]} for row in rows]
        context["proofs"] = _proofs(draft)
    if "rights" in shown.groups or step == LAST:
        assets = list(catalogue.assets_owned_by(draft.organisation_id)) if draft.kind == "achievement" else []
        chosen = set(draft.content.get("asset_ids") or [])
        context["assets"] = [(asset, asset.pk in chosen) for asset in assets]
        context |= {"asset_kinds": AssetKind.choices, "asset_statuses": AssetStatus.choices}
        names |= {-asset.pk: _asset_name(asset) for asset in assets}
    if step == LAST:
        context["summary"] = presentation.summary(draft.kind, draft.content, words, names)
        context["missing"] = every
    return render(request, "posting/step.html", context, status=status)


def _unconfirmed(draft: Submission) -> dict[str, Any]:
    """What no person has answered for yet: how many, and at which fields the form marks it."""
    rows = open_suggestions(draft)
    return {"unconfirmed": len(rows), "unconfirmed_fields": {row.field for row in rows}}


def _errors_outside(wrong: Sequence[presentation.Wrong]) -> dict[str, list[str]]:
    """Errors at what is no part of the content: an upload, a new right, the declaration."""
    places = {"upload_errors": ("file", "level"), "asset_errors": ("asset",), "agreed_errors": ("agreed",)}
    return {
        name: [each.message for each in wrong if each.path.split(".")[0] in heads] for name, heads in places.items()
    }


def _asset_name(asset: Any) -> str:
    return f"{asset.title_zh or asset.title_en} {asset.number}".strip()


def _proofs(draft: Submission) -> list[tuple[str, str]]:
    """What a file may be evidence of."""
    rows = draft.content.get("indicators") or []
    said = [(f"indicator:{n}", row.get("name_zh") or row.get("name_en") or "") for n, row in enumerate(rows)]
    return [
        ("", _("不指定")),
        *([("trl", _("成熟度"))] if draft.kind == "achievement" else []),
        *(s for s in said if s[1]),
    ]


def _keeper(person_id: int | None) -> str:
    """Whose draft a browser keeps: a name for the person that says nothing of them."""
    return salted_hmac("keqiao.posting", str(person_id)).hexdigest()[:16]


# --- saving on the way --------------------------------------------------------------------------------------------------


@require_POST
def autosave(request: HttpRequest, code: str, step: int) -> JsonResponse:
    """What the script sends while one writes. Its answer is the line that the page shows."""
    actor = actor_of(request)
    if not actor.is_known:
        return JsonResponse({"said": _("您已退出登录，内容保留在本机。登录后会继续保存。")}, status=401)
    if not 1 <= step <= LAST:
        raise NotFound
    try:
        draft = submissions.get_submission(code, actor=actor)
        draft = _save(request, draft, step, to=step)
    except services.SavedElsewhere as error:
        return JsonResponse({"said": str(error)}, status=error.status)
    except DomainError as error:
        return JsonResponse({"said": str(error)}, status=error.status)
    return JsonResponse({"revision": draft.revision, "said": _("已保存 %(at)s") % {"at": _minute(draft)}})


def _minute(draft: Submission) -> str:
    return draft.saved_at.astimezone(clock.site_zone()).strftime("%H:%M")


@page
@signed_in
def hints(request: HttpRequest, code: str, step: int) -> HttpResponse:
    """What stands beside the form, for the draft as it is now."""
    draft = submissions.get_submission(code, actor=actor_of(request))
    if not 1 <= step <= LAST:
        raise NotFound
    context = {
        "draft": draft,
        "kind": draft.kind,
        "step": step,
        **hinting.of_step(draft, step, actor=actor_of(request)),
    }
    return render(request, "posting/_hints.html", context)


@page
@signed_in
def matches(request: HttpRequest, code: str) -> HttpResponse:
    """The best matches of the draft with their reasons. Nobody else hears of it."""
    draft = submissions.get_submission(code, actor=actor_of(request))
    context = {
        "tab": "post",
        "draft": draft,
        "kind": draft.kind,
        "title": presentation.title_of(draft.content),
        "found": hinting.matches(draft, actor=actor_of(request), count=20),
    }
    return render(request, "posting/matches.html", context)


@page
@signed_in
def check(request: HttpRequest, code: str) -> HttpResponse:
    """What an expert would ask of the draft. Worked out now, shown to its author alone, not stored."""
    draft = submissions.get_submission(code, actor=actor_of(request))
    context = {
        "tab": "post",
        "draft": draft,
        "kind": draft.kind,
        "title": presentation.title_of(draft.content),
        **hinting.check(draft, actor=actor_of(request)),
    }
    return render(request, "posting/check.html", context)


# --- two versions -------------------------------------------------------------------------------------------------------


def _two_versions(request: HttpRequest, code: str, step: int) -> HttpResponse:
    """Both versions of what differs; the author takes one by one, or one whole."""
    draft = submissions.get_submission(code, actor=actor_of(request))
    mine = _written(draft, step, request.POST)
    return _choose(request, draft, step, mine)


def _choose(request: HttpRequest, draft: Submission, step: int, mine: Mapping[str, Any]) -> HttpResponse:
    words = Words(catalogue.table)
    here, there = forms.units_of(mine), forms.units_of(draft.content)
    names = {
        pk: file.name for pk, file in submissions.files_seen_by(draft, draft.content, actor=actor_of(request)).items()
    }
    rows = [
        {
            "unit": unit,
            "id": presentation.id_of(unit),
            "label": presentation.label_of(draft.kind, unit),
            "mine": presentation.lines_of(draft.kind, unit, here.get(unit), words, names),
            "theirs": presentation.lines_of(draft.kind, unit, there.get(unit), words, names),
        }
        for unit in forms.differing(mine, draft.content)
    ]
    context = {
        "tab": "post",
        "draft": draft,
        "step": step,
        "rows": rows,
        "mine": json.dumps(mine, ensure_ascii=False),
    }
    return render(request, "posting/choose.html", context, status=409)


@require_POST
@signed_in
def merge(request: HttpRequest, code: str, step: int) -> HttpResponse:
    """Save what was chosen. Saved elsewhere once more in the meantime: the choice is shown again."""
    draft = submissions.get_submission(code, actor=actor_of(request))
    if not 1 <= step <= LAST:
        raise NotFound
    try:
        mine = json.loads(request.POST.get("mine", ""))
    except ValueError:
        raise BadInput(field="mine") from None
    allowed = {*STEPS[draft.kind][step - 1].writes(), "texts", "confirmed"}
    if not isinstance(mine, dict) or not set(mine) <= allowed:
        raise BadInput(field="mine")
    units = forms.differing(mine, draft.content)
    take = request.POST.get("take", "")
    theirs = units if take == "theirs" else [u for u in units if request.POST.get(f"keep.{u}") == "theirs"]
    content = forms.chosen(mine, [] if take == "mine" else theirs)
    content.pop("confirmed", None)
    try:
        services.save_draft(
            actor=actor_of(request), code=code, revision=_revision(request.POST), step=step, content=content
        )
    except services.SavedElsewhere:
        return _choose(request, submissions.get_submission(code, actor=actor_of(request)), step, mine)
    return redirect("draft_step", code, step)
