"""An anonymous publisher stays anonymous through the whole thread, whoever begins and whatever is sent."""

import json
import re
import zipfile
from io import BytesIO

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from keqiao.catalogue.tests.factories import make_code
from keqiao.engagement import selectors, services
from keqiao.engagement.models import Contact
from keqiao.engagement.tests.factories import PDF, a_key, make_broker, make_contact, make_world
from keqiao.engagement.types import UnsafeFile, Upload
from keqiao.kernel.errors import NotAllowed
from keqiao.kernel.models import Event, Notice, Parameter
from keqiao.matching.models import Match
from keqiao.parties.selectors import actor_for
from keqiao.parties.tests.factories import make_organisation, make_person
from keqiao.parties.types import Role

pytestmark = pytest.mark.usefixtures("rules")


def docx(author):
    out = BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("[Content_Types].xml", "<Types/>")
        archive.writestr("word/document.xml", "<w:document/>")
        archive.writestr(
            "docProps/core.xml", f"<cp:coreProperties><dc:creator>{author}</dc:creator></cp:coreProperties>"
        )
        archive.writestr("docProps/app.xml", f"<Properties><Company>{author}</Company></Properties>")
    return out.getvalue()


def pdf(author):
    return PDF.replace(
        b"trailer <<", b"2 0 obj << /Author (" + author.encode() + b") /Title (x) >> endobj\ntrailer << /Info 2 0 R"
    )


def identity(world):
    """Everything that would give the publisher away."""
    organisation = world.need.publisher
    return [
        organisation.name_zh, organisation.name_en, organisation.short_zh, organisation.code,
        world.manager.name_zh, world.manager.name_en, world.manager.user.email, "内部代号",
    ]  # fmt: skip


def everything_seen_by(client, person, contact, world):
    """Every page and API answer of this person that has to do with the thread, with its headers."""
    client.force_login(person.user)
    pair = f"need={world.need.code}&achievement={world.achievement.code}"
    at = f"/contacts/{contact.code}"
    pages = [
        at,
        "/contacts?box=all",
        "/contacts?box=mine",
        "/contacts?box=theirs",
        "/me",
        f"/contacts/new?{pair}",
        f"/contacts/new?need={world.need.code}",
    ]
    pages += [
        f"/needs/{world.need.code}",
        f"/needs/{world.need.code}/matches/{world.achievement.code}",
        f"/achievements/{world.achievement.code}",
    ]
    pages += ["/me/unsuitable", f"/api/v1{at}", f"/api/v1{at}/messages", "/api/v1/contacts", f"/api/v1{at}/brokers"]
    seen = []
    for language in ("zh-hans", "en"):
        client.cookies["keqiao_language"] = language
        for page in pages:
            answer = client.get(page)
            assert answer.status_code in {200, 302, 403}, (page, answer.status_code, answer.content[:300])
            seen.append(f"{page}\n{dict(answer.headers)}\n{answer.content.decode()}")
    for link in sorted(set(re.findall(r'"(/contacts/[^"]+/files/\d+)"', "".join(seen)))):
        for prefix in ("", "/api/v1"):
            answer = client.get(prefix + link)
            assert answer.status_code == 200
            raw = b"".join(answer.streaming_content)
            seen.append(f"{dict(answer.headers)}\n{raw.decode('utf-8', 'replace')}")
            if raw.startswith(b"PK"):
                with zipfile.ZipFile(BytesIO(raw)) as archive:
                    seen += [archive.read(name).decode() for name in archive.namelist()]
    seen += [
        json.dumps(row, ensure_ascii=False, default=str) for row in Notice.objects.filter(person_id=person.pk).values()
    ]
    seen += [
        json.dumps(row, ensure_ascii=False, default=str)
        for row in Event.objects.filter(name__startswith="engagement.").values("name", "subject", "data")
    ]
    return "\n".join(seen)


def play(world, by, steps, name):
    """A thread with a file from the need's side and with some steps of both."""
    contact = make_contact(world, by=by)
    answerer, asker = (world.owner, world.asker) if by == "need" else (world.asker, world.owner)
    if "accept" in steps:
        services.accept_contact(actor=answerer, code=contact.code)
    if "decline" in steps:
        services.decline_contact(actor=answerer, code=contact.code, reason="capacity", text="暂时没有人手。")
        return contact
    files = [Upload(f"{name}.docx", docx(name)), Upload(f"{name}.pdf", pdf("Chengyuan Trial Membranes"))]
    mine = files if by == "achievement" else ()
    services.answer_contact(actor=answerer, code=contact.code, text="好的。", key=a_key(), files=mine)
    services.write_message(actor=world.asker, code=contact.code, text="请看附件。", key=a_key(), files=files)
    if "hand_over" in steps:
        colleague = make_person(organisation=world.need.publisher, role=Role.RESEARCHER, name_zh="许测试")
        services.hand_over_contact(actor=world.asker, code=contact.code, person_id=colleague.pk)
    if "broker" in steps:
        broker = make_broker()
        services.ask_for_broker(actor=asker, code=contact.code, person_id=broker.pk)
        services.answer_broker_request(actor=answerer, code=contact.code, agrees=True)
    if "close" in steps:
        services.close_contact(actor=asker, code=contact.code)
    return contact


@pytest.mark.slow
@pytest.mark.django_db
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    by=st.sampled_from(["need", "achievement"]),
    shown=st.sampled_from(["shown", "hidden", "matched"]),
    is_good=st.booleans(),
    steps=st.sets(st.sampled_from(["accept", "decline", "hand_over", "broker", "close"])),
    reveals=st.booleans(),
)
def test_identity_never_appears_before_it_is_revealed(client, by, shown, is_good, steps, reveals):
    from django.db import transaction

    with transaction.atomic():
        world = make_world(publisher_shown=shown, field="materials", region="LJ")
        Match.objects.filter(pk=world.match.pk).update(score=90 if is_good else 30, has_unmet=False)
        contact = play(world, by, steps, "澄源试验膜业-内部代号")
        is_known = shown == "shown" or (shown == "matched" and is_good)
        assert Contact.objects.get(pk=contact.pk).masked is not is_known
        readers = [row.person for row in Contact.objects.get(pk=contact.pk).participants.all() if row.place != "need"]
        texts = {person.pk: everything_seen_by(client, person, contact, world) for person in readers}
        for person in readers:
            leaks = [word for word in identity(world) if word in texts[person.pk]]
            if not is_known:
                assert leaks == []
            elif person.pk == world.officer.pk:
                assert world.need.publisher.name_zh in leaks
        if reveals and not is_known:
            services.reveal_publisher(actor=world.asker, code=contact.code)
            assert world.need.publisher.name_zh in everything_seen_by(client, world.officer, contact, world)
        transaction.set_rollback(True)


@pytest.mark.django_db
def test_the_other_side_reads_a_description_of_the_need(client):
    make_code(code="materials", title_zh="新材料", title_en="Materials")
    make_code(scheme="region", code="LJ", title_zh="澜江市", title_en="Lanjiang")
    world = make_world(publisher_shown="hidden", field="materials", region="LJ")
    contact = make_contact(world)
    client.force_login(world.officer.user)
    assert "某新材料企业（澜江市）" in client.get(f"/contacts/{contact.code}").content.decode()
    client.cookies["keqiao_language"] = "en"
    assert "A company in materials (Lanjiang)" in client.get(f"/contacts/{contact.code}").content.decode()


@pytest.mark.django_db
def test_only_the_anonymous_side_reveals_itself_once_and_it_is_recorded():
    world = make_world(publisher_shown="hidden")
    contact = make_contact(world)
    with pytest.raises(NotAllowed):
        services.reveal_publisher(actor=world.owner, code=contact.code)
    for _again in range(2):
        services.reveal_publisher(actor=world.asker, code=contact.code)
    assert Event.objects.filter(name="engagement.publisher_revealed").count() == 1
    kinds = Notice.objects.filter(person_id=world.officer.pk).values_list("kind", flat=True)
    assert sorted(kinds) == ["engagement.contact_received", "engagement.publisher_revealed"]  # keys are drawn: no order
    assert selectors.Names(world.owner).face(
        selectors.get_contact(contact.code, actor=world.owner), "need"
    ).name_zh == (world.need.publisher.name_zh)


@pytest.mark.django_db
def test_a_file_whose_author_cannot_be_taken_out_is_refused():
    world = make_world(publisher_shown="hidden")
    contact = make_contact(world)
    encrypted = PDF + b"/Encrypt 3 0 R"
    with pytest.raises(UnsafeFile, match="匿名"):
        services.write_message(
            actor=world.asker, code=contact.code, text="看", key=a_key(), files=[Upload("a.pdf", encrypted)]
        )
    assert Contact.objects.get().messages.count() == 1


@pytest.mark.django_db
def test_a_publisher_without_people_is_not_given_away_by_the_refusal(client):
    world = make_world(publisher_shown="hidden")
    world.manager.posts.all().delete()
    client.force_login(world.officer.user)
    answer = client.post(
        "/contacts/new",
        {"need": world.need.code, "achievement": world.achievement.code, "key": a_key(), "text": "请问"},
    )
    assert answer.status_code == 409
    assert [word for word in identity(world) if word in answer.content.decode()] == []


@pytest.mark.django_db
def test_operators_who_assign_brokers_read_no_thread(client):
    world = make_world(publisher_shown="hidden")
    operator = make_person(organisation=make_organisation(kind="agency"), role=Role.ADMINISTRATOR)
    contact = make_contact(world)
    services.ask_for_broker(actor=world.asker, code=contact.code)
    services.answer_broker_request(actor=world.owner, code=contact.code, agrees=True)
    client.force_login(operator.user)
    assert client.get(f"/contacts/{contact.code}").status_code == 404
    page = client.get("/contacts/brokers").content.decode()
    assert contact.code in page
    assert "水通量是在什么条件" not in page
    assert actor_for(operator.user).is_operator
    assert Parameter.objects.filter(key="engagement.answer_days").exists()
    assert [word for word in identity(world) if word in page] == []
