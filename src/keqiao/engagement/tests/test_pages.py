"""Pages of contact and the workbench: what they say, what they refuse, and that rows cost no queries."""

import re

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test.utils import CaptureQueriesContext

from keqiao.catalogue.tests.factories import make_need
from keqiao.engagement import selectors, services
from keqiao.engagement.models import Contact, MatchFeedback, Message, SavedSearch, Task
from keqiao.engagement.tests.factories import PDF, a_key, make_broker, make_contact, make_world
from keqiao.matching.tests.factories import make_match
from keqiao.parties.tests.factories import make_organisation, make_person
from keqiao.parties.types import Role

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("rules")]


def as_person(client, person):
    client.force_login(person.user)
    return client


def main(answer):
    html = answer.content.decode()
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", html[html.index("<main") :]))


def test_pages_lead_to_sign_in(client):
    for address in ("/contacts", "/contacts/new?need=X", "/contacts/DJ-1", "/me", "/me/unsuitable", "/me/searches"):
        answer = client.get(address)
        assert (answer.status_code, answer["Location"].startswith("/sign-in?next=")) == (302, True)


def test_the_form_holds_the_draft_and_sends_it(client):
    world = make_world()
    as_person(client, world.manager)
    address = f"/contacts/new?need={world.need.code}&achievement={world.achievement.code}"
    page = client.get(address)
    assert page.status_code == 200
    assert "您好。" in main(page)
    key = re.search(r'name="key" value="(\w+)"', page.content.decode()).group(1)
    partial = client.get(address, headers={"HX-Request": "true"}).content.decode()
    assert partial.lstrip().startswith("<form")
    given = {"need": world.need.code, "achievement": world.achievement.code, "key": key, "text": "请问测试条件？"}
    answer = client.post("/contacts/new", given)
    contact = Contact.objects.get()
    assert answer["Location"] == f"/contacts/{contact.code}?sent=1"
    assert client.post("/contacts/new", given)["Location"] == f"/contacts/{contact.code}"
    assert (Contact.objects.count(), Message.objects.count()) == (1, 1)
    assert "请问测试条件？" in main(client.get(f"/contacts/{contact.code}"))


def test_a_refused_form_keeps_what_was_typed(client):
    world = make_world()
    as_person(client, world.manager)
    bad = SimpleUploadedFile("x.pdf", b"MZ not a pdf")
    given = {
        "need": world.need.code,
        "achievement": world.achievement.code,
        "key": a_key(),
        "text": "留着这句话",
        "files": bad,
    }
    answer = client.post("/contacts/new", given)
    assert answer.status_code == 422
    assert "留着这句话" in main(answer)
    assert "不能发送这个文件" in main(answer)
    assert (Contact.objects.count(), Message.objects.count()) == (0, 0)


def test_the_thread_page_for_both_sides_and_nobody_else(client):
    world = make_world()
    contact = make_contact(world)
    address = f"/contacts/{contact.code}"
    assert "承诺答复" in main(as_person(client, world.manager).get(address))
    assert "轮到您" in main(as_person(client, world.officer).get(address))
    assert contact.participants.get(person=world.officer).last_read == 1
    for stranger in (world.colleague, make_person(organisation=make_organisation())):
        assert as_person(client, stranger).get(address).status_code == 404


def test_every_step_by_form(client):
    world = make_world()
    contact = make_contact(world)
    at = f"/contacts/{contact.code}"
    as_person(client, world.officer)
    assert client.post(f"{at}/accept").status_code == 302
    refused = client.post(f"{at}/decline", {"reason": "", "why": "留着", "key": a_key()})
    assert (refused.status_code, "请选择谢绝的原因" in main(refused), "留着" in main(refused)) == (422, True, True)
    assert client.post(f"{at}/hand-over", {"person": world.colleague.pk}).status_code == 302
    upload = SimpleUploadedFile("检测报告.pdf", PDF)
    assert client.post(f"{at}/answer", {"text": "见附件。", "key": a_key(), "files": upload}).status_code == 302
    as_person(client, world.manager)
    page = client.get(at)
    assert "检测报告.pdf" in main(page)
    link = re.search(r'href="(/contacts/[^"]+/files/\d+)"', page.content.decode()).group(1)
    file = client.get(link)
    assert (file.status_code, file["Content-Type"]) == (200, "application/pdf")
    assert file["Content-Disposition"].startswith("attachment")
    assert b"".join(file.streaming_content) == PDF
    assert client.post(f"{at}/message", {"text": "谢谢。", "key": a_key()}).status_code == 302
    assert client.post(f"{at}/close").status_code == 302
    assert client.post(f"{at}/message", {"text": "晚了。", "key": a_key()}).status_code == 409
    assert client.post(f"{at}/nonsense").status_code == 404
    assert as_person(client, make_person()).get(link).status_code == 404


def test_unsuitable_is_one_click_with_undo_and_hides_it_from_that_side_only(client):
    world = make_world()
    at = f"/needs/{world.need.code}/matches/{world.achievement.code}"
    title = "耐酸纳滤膜"
    as_person(client, world.manager)
    assert "不合适" in main(client.get(f"/needs/{world.need.code}"))
    answer = client.post(f"{at}/unsuitable", headers={"HX-Request": "true"})
    assert "已记为不合适" in answer.content.decode()
    mark = MatchFeedback.objects.get()
    assert (mark.side, mark.is_suitable, mark.shown_position, mark.score) == ("need", False, 1, world.match.score)
    assert mark.version == "test"
    assert f"m-{world.achievement.code}" not in client.get(f"/needs/{world.need.code}").content.decode()
    assert title in main(client.get("/me/unsuitable"))
    as_person(client, world.officer)
    assert f"m-{world.achievement.code}" in client.get(f"/needs/{world.need.code}").content.decode()
    assert f"/needs/{world.need.code}?match" in client.get(f"/achievements/{world.achievement.code}").content.decode()
    as_person(client, world.manager)
    assert client.post(f"{at}/unsuitable", {"reason": "price"})["Location"].startswith("/me/unsuitable?marked=")
    assert MatchFeedback.objects.get().reason == "price"
    client.post(f"{at}/undo")
    assert MatchFeedback.objects.get().is_suitable is None
    assert f"m-{world.achievement.code}" in client.get(f"/needs/{world.need.code}").content.decode()
    as_person(client, make_person(organisation=make_organisation()))
    assert client.post(f"{at}/unsuitable").status_code == 403
    assert "不合适" not in main(client.get(f"/needs/{world.need.code}"))


def test_a_search_is_saved_once_listed_and_deleted(client):
    person = make_person(organisation=make_organisation())
    as_person(client, person)
    assert client.post("/me/searches", {"query": "sort=newest"}).status_code == 422
    for _again in range(2):
        assert client.post("/me/searches", {"query": "q=纳滤膜&kind=need&page=3&lang=en"}).status_code == 302
    saved = SavedSearch.objects.get()
    assert (saved.name, saved.query) == ("纳滤膜", "kind=need&q=%E7%BA%B3%E6%BB%A4%E8%86%9C")
    assert "纳滤膜" in main(client.get("/me/searches"))
    assert client.get(f"/me/searches/{saved.pk}")["Location"] == f"/search?{saved.query}"
    client.post(f"/me/searches/{saved.pk}/alerts", {"alerts": "0"})
    assert SavedSearch.objects.get().wants_alerts is False
    as_person(client, make_person())
    assert client.post(f"/me/searches/{saved.pk}/delete").status_code == 404
    as_person(client, person)
    client.post(f"/me/searches/{saved.pk}/delete")
    assert SavedSearch.objects.count() == 0


def test_tasks_are_ones_own(client):
    world = make_world()
    contact = make_contact(world)
    as_person(client, world.manager)
    client.post("/me/tasks", {"text": "寄样品", "due_on": "2026-12-01", "contact": contact.code})
    task = Task.objects.get()
    assert (task.text, str(task.due_on), task.contact_id) == ("寄样品", "2026-12-01", contact.pk)
    assert client.post("/me/tasks", {"text": "x", "due_on": "明天"}).status_code == 422
    assert client.post("/me/tasks", {"text": " "}).status_code == 422
    assert "寄样品" in main(client.get("/me"))
    partial = client.post(f"/me/tasks/{task.pk}", {"done": "1"}, headers={"HX-Request": "true"}).content.decode()
    assert "已办" in partial
    as_person(client, world.officer)
    assert client.post(f"/me/tasks/{task.pk}", {"done": "0"}).status_code == 404
    assert client.post("/me/tasks", {"text": "别人的", "contact": "DJ-2026-NOSUCH"}).status_code == 404
    assert Task.objects.count() == 1


def test_the_workbench_says_whose_turn_it_is(client):
    world = make_world()
    contact = make_contact(world)
    text = main(as_person(client, world.officer).get("/me"))
    assert "1 份对接轮到您" in text
    assert contact.code in text
    assert "0 份对接轮到您" in main(as_person(client, world.manager).get("/me"))
    part = client.get("/me?box=theirs", headers={"HX-Request": "true", "HX-Target": "contact-list"}).content.decode()
    assert part.lstrip().startswith('<div id="contact-list">')


def test_matches_are_new_until_the_next_visit(client):
    world = make_world()
    visit = services.note_visit(actor=world.asker)
    assert selectors.new_matches(world.asker, since=visit.match_seen)[1] == 1
    visit = services.note_visit(actor=world.asker)  # the same visit
    assert selectors.new_matches(world.asker, since=visit.match_seen)[1] == 1
    from datetime import timedelta

    from keqiao.engagement.models import Visit
    from keqiao.kernel import clock

    Visit.objects.update(at=clock.now() - timedelta(hours=2))
    visit = services.note_visit(actor=world.asker)
    assert selectors.new_matches(world.asker, since=visit.match_seen) == ([], 0)
    make_match(world.need, None, 70)
    assert selectors.new_matches(world.asker, since=visit.match_seen)[1] == 1


@pytest.mark.parametrize(
    "address", ["/contacts?box=all", "/me?box=all", "/me/unsuitable", "/me/searches", "/contacts/{code}"]
)
@pytest.mark.slow
def test_three_rows_cost_what_one_costs(client, address):
    world = make_world()
    as_person(client, world.manager)

    def grow(n):
        need = make_need(publisher=world.need.publisher)
        match = make_match(need, None, 80)
        services.mark_match(
            actor=world.asker, need_code=need.code, achievement_code=match.achievement.code, is_suitable=False
        )
        make_match(make_need(publisher=world.need.publisher), world.achievement, 75)
        services.send_contact(
            actor=world.asker, text="请问", key=a_key(), need_code=need.code, achievement_code=world.achievement.code
        )
        services.save_search(actor=world.asker, query=f"q=膜{n}")
        services.add_task(actor=world.asker, text="一件事")
        services.write_message(actor=world.asker, code=contact.code, text="再问", key=a_key())

    contact = make_contact(world)
    address = address.format(code=contact.code)

    def cost():
        client.get(address)
        with CaptureQueriesContext(
            connection,
        ) as queries:
            assert client.get(address).status_code == 200
        return len(queries)

    grow(0)
    one = cost()
    for n in range(1, 3):
        grow(n)
    assert cost() == one


@pytest.mark.slow
def test_three_requests_for_a_broker_cost_what_one_costs(client):
    operator = make_person(organisation=make_organisation(kind="agency"), role=Role.ADMINISTRATOR)
    make_broker()

    def cost():
        world = make_world()
        contact = make_contact(world)
        services.ask_for_broker(actor=world.asker, code=contact.code)
        services.answer_broker_request(actor=world.owner, code=contact.code, agrees=True)
        as_person(client, operator).get("/contacts/brokers")
        with CaptureQueriesContext(connection) as queries:
            assert contact.code in client.get("/contacts/brokers").content.decode()
        return len(queries)

    one = cost()
    cost()
    assert cost() == one
    assert as_person(client, make_person()).get("/contacts/brokers").status_code == 404


@pytest.mark.parametrize("shown", ["shown", "hidden", "matched"])
@pytest.mark.slow
def test_new_matches_of_an_owner_cost_the_same_for_one_and_three(client, shown):
    world = make_world(publisher_shown=shown)
    as_person(client, world.officer)

    def cost():
        client.get("/me")
        with CaptureQueriesContext(connection) as queries:
            text = main(client.get("/me"))
        return len(queries), text

    one, text = cost()
    assert ("澄源试验膜业" in text) is (shown != "hidden")
    for _n in range(2):
        make_match(make_need(publisher=world.need.publisher, publisher_shown=shown), world.achievement, 85)
    assert cost()[0] == one
