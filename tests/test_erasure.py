"""After an erasure nothing of the person is left: every text column, the search index, files and exports are looked through."""

import json
import shutil
from datetime import timedelta
from pathlib import Path

import pytest
from allauth.account.models import EmailAddress
from django.db import connection
from procrastinate.contrib.django.models import ProcrastinateJob

from keqiao.accounts import services, tasks
from keqiao.accounts.models import ErasureRequest, MobileNumber
from keqiao.accounts.tests.privacy_factories import agree, load_agreements
from keqiao.catalogue.models import Achievement, TeamMember
from keqiao.catalogue.tests.factories import make_achievement, make_need
from keqiao.kernel import clock, files, notices
from keqiao.kernel.models import NoticeChannel, NoticePreference
from keqiao.matching import excerpts, indexing
from keqiao.matching.tests.factories import forget_everything
from keqiao.parties import selectors as parties
from keqiao.parties.tests.factories import make_operator, make_organisation, make_person
from keqiao.submissions.models import Complaint, ReviewNote, Submission
from keqiao.submissions.types import ComplaintReason, NoteKind, ReviewStep

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("rules")]
system = parties.system()
NAME_ZH, NAME_EN, EMAIL, NUMBER = "欧阳秋澄", "Ouyang Qiucheng", "ouyang@qiucheng.example", "+8613912345678"
TRACES = (NAME_ZH, NAME_EN, EMAIL, NUMBER, NUMBER.removeprefix("+86"))
CONTACT = f"联系人{NAME_ZH}（{NAME_EN}），{EMAIL}，13912345678。"


@pytest.fixture
def world(settings, tmp_path):
    """A person with a trace in every context that keeps personal data."""
    settings.DATA_DIR = tmp_path
    forget_everything()
    load_agreements()
    home = make_organisation(kind="university", name_zh="澜江理工大学")
    person = make_person(organisation=home, name_zh=NAME_ZH, name_en=NAME_EN, email=EMAIL)
    actor = parties.actor_for(person.user)
    agree(actor)
    EmailAddress.objects.create(user=person.user, email=EMAIL, verified=True, primary=True)
    MobileNumber.objects.create(user=person.user, number=NUMBER, verified_at=clock.now())
    notices.tell(
        actor=system, person_id=person.pk, kind="x", key="x", title_zh=f"{NAME_ZH}，您好", title_en=f"Dear {NAME_EN}"
    )
    NoticePreference.objects.create(person_id=person.pk, kind="x", email="daily")
    NoticeChannel.objects.create(person_id=person.pk, format="wecom", url=f"https://hooks.example/{EMAIL}")
    item = make_achievement(owner=home, title="卷对卷涂覆膜", summary=f"膜材料。{CONTACT}")
    linked = make_achievement(owner=make_organisation(), title="别处的成果")
    for achievement, linked_person in ((item, None), (linked, person)):
        TeamMember.objects.create(
            achievement=achievement, person=linked_person, position=0, name_zh=NAME_ZH, name_en=NAME_EN
        )
    make_need(publisher=make_organisation(), title="别处的需求", problem=f"请写信到 {EMAIL}")
    Submission.objects.create(
        code="SB-1", kind="achievement", organisation=home, author=person,
        content={"texts": {"zh": {"title": "膜", "summary": CONTACT}}, "team": [{"name_zh": NAME_ZH, "name_en": NAME_EN}]},
    )  # fmt: skip
    colleague = make_person(organisation=home)
    other = Submission.objects.create(
        code="SB-2", kind="need", organisation=home, author=colleague, content={"texts": {"zh": {"problem": CONTACT}}}
    )
    ReviewNote.objects.create(
        submission=other, step=ReviewStep.PLATFORM, kind=NoteKind.values[0], person=person, text=CONTACT
    )
    Complaint.objects.create(
        code="TS-1", achievement=linked, reason=ComplaintReason.values[0], text=CONTACT, complainant=person
    )
    services.begin_standing_in(actor=make_operator(), person_id=person.pk, reason=f"{NAME_ZH}来电称看不到需求")
    files.store(actor=actor, name=f"{NAME_ZH}简历.pdf", media_type="application/pdf", chunks=[b"%PDF"])
    tasks.make_export(export_id=services.ask_for_export(actor=actor).pk)
    indexing.rebuild(lambda text: None)
    for kind in indexing.KINDS:
        excerpts.keep_lacking(kind, indexing.model(), after=0, most=100)
    yield {"person": person, "item": item, "linked": linked}
    forget_everything()
    shutil.rmtree(tmp_path, ignore_errors=True)


def traces_in_tables():
    """Table.column → which trace, over everything that can hold text."""
    found = []
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = 'public' AND "
            "(data_type IN ('text', 'character varying', 'character', 'json', 'jsonb', 'ARRAY'))"
        )
        for table, column in cursor.fetchall():
            for trace in TRACES:
                cursor.execute(f'SELECT 1 FROM "{table}" WHERE "{column}"::text ILIKE %s LIMIT 1', [f"%{trace}%"])
                if cursor.fetchone():
                    found.append((f"{table}.{column}", trace))
        for trace in TRACES:
            cursor.execute("SELECT 1 FROM matching_excerpt WHERE position(%s::bytea IN content) > 0", [trace.encode()])
            if cursor.fetchone():
                found.append(("matching_excerpt.content", trace))
    return found


def traces_in_files(folder):
    """Plain bytes, and what a trace looks like inside JSON."""
    needles = [form for t in TRACES for form in (t.encode(), json.dumps(t)[1:-1].encode())]
    return [
        (str(path.relative_to(folder)), needle)
        for path in Path(folder).rglob("*")
        if path.is_file()
        for needle in needles
        if needle in path.read_bytes() or needle in path.name.encode()
    ]


def run_index_jobs():
    """What the worker would do next."""
    for job in ProcrastinateJob.objects.filter(task_name__contains="dispatch_event"):
        from keqiao.kernel import events
        from keqiao.kernel.models import Event

        events.dispatch(Event.objects.get(pk=job.args["event_id"]))
    for job in ProcrastinateJob.objects.filter(task_name__contains="update_items"):
        indexing.update(job.args["kind"], job.args["ids"])


def test_nothing_is_left_but_ids_in_the_trail(world, settings, django_capture_on_commit_callbacks):
    before = {place.split(".")[0] for place, _trace in traces_in_tables()}
    assert {"parties_person", "auth_user", "account_emailaddress", "accounts_mobilenumber", "kernel_notice"} <= before
    assert {"catalogue_achievementtext", "catalogue_teammember", "submissions_submission"} <= before
    assert {"submissions_reviewnote", "submissions_complaint", "accounts_standingin", "kernel_storedfile"} <= before
    assert "matching_excerpt" in before
    assert {kind for kind, _piece in traces_in_index()} == {"achievement", "need"}
    stored = {path for path in (Path(settings.DATA_DIR) / "files").rglob("*") if path.is_file()}
    services.ask_for_erasure(actor=parties.actor_for(world["person"].user), is_confirmed=True)
    ErasureRequest.objects.update(due_at=clock.now() - timedelta(seconds=1))
    with django_capture_on_commit_callbacks(execute=True):
        tasks.erase_people(timestamp=0)
    run_index_jobs()
    assert traces_in_tables() == []
    assert traces_in_files(Path(settings.DATA_DIR) / "files") == []
    assert len({path for path in stored if path.exists()}) == len(stored) - 1  # the export is gone
    assert traces_in_index() == set()
    world["linked"].refresh_from_db()
    assert [str(member) for member in TeamMember.objects.order_by("pk")] == ["已注销用户", "已注销用户"]
    assert TeamMember.objects.exclude(person=None).count() == 0
    assert Achievement.objects.get(pk=world["item"].pk).revision == 2


def traces_in_index():
    """What the documents that serve now say of the person: the pieces that names and addresses are cut into."""
    pieces = ("qiucheng", "ouyang", "13912345678", "欧阳", "秋澄")
    found = set()
    for kind in indexing.KINDS:
        table = indexing.engine()._open(indexing.index_name(kind, indexing.serving().version))
        text = str(table.to_arrow().drop_columns(["vector"]).to_pylist())
        found |= {(kind, piece) for piece in pieces if piece in text}
    return found
