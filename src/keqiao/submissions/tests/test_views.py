import io
import re

import pytest
from django.contrib.auth import get_user_model
from django.test import Client

from keqiao.catalogue.models import Need
from keqiao.catalogue.tests.factories import make_achievement, make_need
from keqiao.kernel.models import Event
from keqiao.parties.models import Person
from keqiao.parties.tests.factories import make_actor, make_organisation
from keqiao.parties.types import Role
from keqiao.submissions import services
from keqiao.submissions.models import Complaint, ReviewNote, ReviewWaiver, Submission
from keqiao.submissions.tests.factories import NEED, PDF
from keqiao.submissions.tests.worlds import fresh, lone_author, make_world

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("rules")]

ASK = [{"field": "indicators.0.value", "text": "测试温度是多少？"}]


@pytest.fixture
def world(rules):
    return make_world()


def browser(actor, language="zh-hans"):
    """A client signed in as this actor."""
    client = Client()
    client.cookies["keqiao_language"] = language
    client.force_login(get_user_model().objects.get(person__pk=actor.person_id))
    return client


def text_of(response):
    return re.sub(r"\s+", " ", response.content.decode())


def bytes_of(response):
    """What is sent; the file is closed with its last piece."""
    return b"".join(response.streaming_content)


# --- queues -----------------------------------------------------------------------------------------------------------


def test_the_organisations_queue_and_the_platforms(world):
    ours, theirs = world.submitted(), world.at_platform()
    seen = text_of(browser(world.reviewer).get("/review"))
    assert ours.code in seen
    assert theirs.code not in seen
    seen = text_of(browser(world.operator).get("/review"))
    assert theirs.code in seen
    assert ours.code not in seen


@pytest.mark.parametrize("who", ["author", "stranger"])
def test_who_reviews_nothing_has_no_queue(world, who):
    found = world.submitted()
    client = browser(
        world.author
        if who == "author"
        else make_actor(organisation=make_organisation(kind="bank"), role=Role.BANK_OFFICER)
    )
    assert client.get("/review").status_code == 403
    assert client.get("/review/complaints").status_code == 403
    assert client.get(f"/review/{found.code}").status_code == 404


def test_visitors_are_led_to_sign_in(world):
    found = world.submitted()
    for path in ("/review", f"/review/{found.code}", f"/submissions/{found.code}", "/complaints", "/submissions"):
        answer = Client().get(path)
        assert (answer.status_code, answer.url.startswith("/sign-in")) == (302, True)


def test_filters_narrow_the_queue_and_nonsense_is_left_out(world):
    need = world.at_platform()
    client = browser(world.operator)
    assert need.code in text_of(client.get("/review?kind=need&reviewer=nobody"))
    assert need.code not in text_of(client.get("/review?kind=achievement"))
    assert need.code not in text_of(client.get("/review?age=7"))
    assert need.code not in text_of(client.get("/review?reviewer=me"))
    assert need.code not in text_of(client.get("/review?state=accepted"))
    assert need.code in text_of(client.get("/review?kind=x&age=y&reviewer=²&state=z&side=w&page=q"))


@pytest.mark.parametrize("path", ["/review", "/review?state=accepted", "/submissions"])
@pytest.mark.slow
def test_a_queue_costs_the_same_for_one_and_for_three(world, path, django_assert_num_queries):
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    def cost(client):
        client.get(path)
        with CaptureQueriesContext(
            connection,
        ) as seen:
            assert client.get(path).status_code == 200
        return len(seen)

    def one_more():
        found = world.at_platform()
        if "accepted" in path:
            services.accept(actor=world.operator, code=found.code, revision=1)

    client = browser(world.author if path == "/submissions" else world.operator)
    one_more()
    first = cost(client)
    one_more()
    one_more()
    assert cost(client) == first


@pytest.mark.slow
def test_the_complaint_lists_cost_the_same_for_one_and_for_three(world):
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    def cost(client, path):
        client.get(path)
        with CaptureQueriesContext(connection) as seen:
            assert client.get(path).status_code == 200
        return len(seen)

    def one_more():
        need = make_need(publisher=world.organisation)
        services.make_complaint(
            actor=world.stranger, kind="need", item_code=need.code, reason="untrue", text="数值不符。"
        )

    operator, stranger = browser(world.operator), browser(world.stranger)
    one_more()
    first = cost(operator, "/review/complaints"), cost(stranger, "/complaints")
    one_more()
    one_more()
    assert (cost(operator, "/review/complaints"), cost(stranger, "/complaints")) == first


# --- reviewing --------------------------------------------------------------------------------------------------------


def test_the_whole_way_on_pages(world):
    draft = world.draft()
    author, reviewer, operator = browser(world.author), browser(world.reviewer), browser(world.operator)
    assert author.post(f"/submissions/{draft.code}/submit", {"revision": 1}).status_code == 422
    assert author.post(f"/submissions/{draft.code}/submit", {"revision": 1, "agreed": "1"}).status_code == 302
    seen = text_of(reviewer.get(f"/review/{draft.code}"))
    assert NEED["texts"]["zh"]["problem"] in seen
    asked = {"revision": 1, "text": "请补充。", "ask:indicators.0": "测试温度是多少？"}
    assert reviewer.post(f"/review/{draft.code}/return", asked).status_code == 302
    seen = text_of(author.get(f"/submissions/{draft.code}"))
    assert "测试温度是多少？" in seen
    refused = author.post(f"/submissions/{draft.code}/submit", {"revision": 1, "agreed": "1"})
    assert refused.status_code == 422
    assert "还有 1 个提问没有答复" in text_of(refused)
    question = ReviewNote.objects.get(kind="question")
    author.post(f"/submissions/{draft.code}/answer", {"question": question.number, "text": "25 ℃。"})
    author.post(f"/submissions/{draft.code}/submit", {"revision": 1, "agreed": "1"})
    assert "25 ℃。" in text_of(reviewer.get(f"/review/{draft.code}"))
    reviewer.post(f"/review/{draft.code}/approve", {"revision": 1})
    assert operator.post(f"/review/{draft.code}/accept", {"revision": 1}).status_code == 302
    need = Need.objects.get()
    assert NEED["texts"]["zh"]["title"] in text_of(Client().get(f"/needs/{need.code}"))
    assert f"/needs/{need.code}" in text_of(author.get(f"/submissions/{draft.code}"))


def test_a_refusal_keeps_what_was_typed_and_changes_nothing(world):
    found = world.at_platform()
    events = Event.objects.count()
    answer = browser(world.operator).post(
        f"/review/{found.code}/decline", {"do": "decline", "revision": 1, "reason": "boring", "text": "写得不清楚"}
    )
    assert answer.status_code == 422
    assert "写得不清楚" in text_of(answer)
    assert (fresh(found).state, Event.objects.count()) == ("platform_review", events)


def test_html_in_a_text_stays_text(world):
    evil = "<script>alert(1)</script>"
    found = world.at_platform(content={**NEED, "texts": {"zh": {"title": evil, "problem": evil}}})
    for actor, path in (
        (world.operator, f"/review/{found.code}"),
        (world.operator, "/review"),
        (world.author, f"/submissions/{found.code}"),
    ):
        assert evil not in browser(actor).get(path).content.decode()


def test_differences_to_the_public_version_are_shown(world):
    first = world.accepted()
    change = services.start_change(actor=world.author, kind="need", item_code=first.need.code)
    texts = {"zh": {"title": "耐酸高通量纳滤膜的规模化制备", "problem": NEED["texts"]["zh"]["problem"]}}
    services.save_draft(actor=world.author, code=change.code, revision=1, content={"texts": texts})
    services.submit(actor=world.author, code=change.code, revision=2)
    seen = text_of(browser(world.reviewer).get(f"/review/{change.code}"))
    assert "<del>涂覆</del><ins>制备</ins>" in seen
    assert "<ins>" not in text_of(browser(world.reviewer).get(f"/review/{change.code}?with=nothing"))


def test_operators_see_what_was_handed_in_not_what_is_being_rewritten(world):
    found = world.at_platform()
    services.send_back(actor=world.operator, code=found.code, revision=1, text="请补充。")
    services.save_draft(
        actor=world.author, code=found.code, revision=1, content={"unit_zh": None, "keywords_zh": ["内部代号甲"]}
    )
    assert "内部代号甲" not in text_of(browser(world.operator).get(f"/review/{found.code}"))
    assert "内部代号甲" in text_of(browser(world.reviewer).get(f"/review/{found.code}"))


def test_names_of_the_platforms_people_stay_with_the_platform(world):
    found = world.at_platform()
    services.claim(actor=world.operator, code=found.code)
    services.send_back(actor=world.operator, code=found.code, revision=1, text="请补充。")
    assert world.operator.name not in text_of(browser(world.author).get(f"/submissions/{found.code}"))
    assert world.operator.name in text_of(browser(world.second_operator).get(f"/review/{found.code}"))


def test_files_are_opened_by_who_may_see_the_submission_and_nda_by_its_people_only(world, settings, tmp_path):
    settings.DATA_DIR = tmp_path
    draft = world.draft()
    for level in ("signed_in", "nda"):
        services.attach_file(actor=world.author, code=draft.code, name="报告.pdf", file=io.BytesIO(PDF), level=level)
    draft = fresh(draft)
    services.submit(actor=world.author, code=draft.code, revision=draft.revision)
    services.approve(actor=world.reviewer, code=draft.code, revision=draft.revision)
    shown, secret = (row["file_id"] for row in draft.content["attachments"])
    for actor, wanted in ((world.author, (200, 200)), (world.operator, (200, 404)), (world.stranger, (404, 404))):
        for number, status in zip((shown, secret), wanted, strict=True):
            answer = browser(actor).get(f"/submissions/{draft.code}/files/{number}")
            assert answer.status_code == status
            if status == 200:
                assert bytes_of(answer) == PDF
    answer = browser(world.operator).get(f"/submissions/{draft.code}/files/{shown}")
    assert answer["Content-Disposition"].startswith("attachment")
    assert bytes_of(answer) == PDF


def test_skipping_the_organisation_is_shown_with_its_reason(rules):
    author, organisation = lone_author()
    from keqiao.submissions.tests.factories import make_draft

    draft = make_draft(actor=author, organisation=organisation)
    services.submit(actor=author, code=draft.code, revision=1)
    assert "单位只有一位可办理的人员" in text_of(browser(author).get(f"/submissions/{draft.code}"))
    seen = text_of(browser(author, "en").get(f"/submissions/{draft.code}"))
    assert "单位只有一位可办理的人员" not in seen


def test_the_waiver_page(world):
    client = browser(world.reviewer)
    assert client.get("/review/waiver").status_code == 200
    assert client.post("/review/waiver", {"action": "waive", "reason": " "}).status_code == 422
    assert client.post("/review/waiver", {"action": "waive", "reason": "人员少。"}).status_code == 302
    assert ReviewWaiver.objects.filter(ended_at=None).count() == 1
    assert "人员少。" in text_of(client.get("/review/waiver"))
    client.post("/review/waiver", {"action": "end"})
    assert ReviewWaiver.objects.filter(ended_at=None).count() == 0
    assert browser(world.author).get("/review/waiver").status_code == 403


@pytest.mark.parametrize("path", ["review/{code}/explode", "submissions/{code}/explode", "complaints/{code}/explode"])
def test_an_unknown_step_is_not_there(world, path):
    found = world.at_platform()
    assert browser(world.operator).post("/" + path.format(code=found.code)).status_code == 404


# --- items ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("kind", "make"), [("need", make_need), ("achievement", make_achievement)])
def test_the_owners_people_renew_close_and_withdraw(world, kind, make):
    owner = {"publisher" if kind == "need" else "owner": world.organisation}
    client = browser(world.author)
    item = make(**owner)
    assert "/renew" in text_of(client.get(f"/{kind}s/{item.code}"))
    assert client.post(f"/{kind}s/{item.code}/renew").status_code == 302
    item.refresh_from_db()
    assert item.expires_on is not None
    assert client.post(f"/{kind}s/{item.code}/close", {"reason": "boring"}).status_code == 422
    assert client.post(f"/{kind}s/{item.code}/close", {"reason": "given_up"}).status_code == 302
    item.refresh_from_db()
    assert item.state == "closed"
    assert Event.objects.get(name=f"catalogue.{kind}_closed").data == {"reason": "given_up"}
    assert client.post(f"/{kind}s/{item.code}/withdraw", {"reason": "mistake"}).status_code == 302
    item.refresh_from_db()
    assert item.state == "withdrawn"
    assert Client().get(f"/{kind}s/{item.code}").status_code == 404


def test_others_find_a_complaint_link_and_no_buttons(world):
    need = make_need(publisher=world.organisation)
    seen = text_of(browser(world.stranger).get(f"/needs/{need.code}"))
    assert f"/needs/{need.code}/complain" in seen
    assert "/withdraw" not in seen
    for action in ("renew", "close", "withdraw"):
        answer = browser(world.stranger).post(f"/needs/{need.code}/{action}", {"reason": "given_up"})
        assert answer.status_code == 403
    need.refresh_from_db()
    assert (need.state, need.expires_on) == ("published", None)


# --- complaints -------------------------------------------------------------------------------------------------------


def test_a_complaint_on_pages(world, settings, tmp_path):
    settings.DATA_DIR = tmp_path
    need = make_need(publisher=world.organisation)
    stranger, operator, owner = browser(world.stranger), browser(world.operator), browser(world.reviewer)
    form = {"reason": "untrue", "text": "数值与论文不符。"}
    assert stranger.get(f"/needs/{need.code}/complain").status_code == 200
    assert stranger.post(f"/needs/{need.code}/complain", {**form, "reason": ""}).status_code == 422
    proof = io.BytesIO(PDF)
    proof.name = "证明.pdf"
    answer = stranger.post(f"/needs/{need.code}/complain", {**form, "file": proof})
    made = Complaint.objects.get()
    assert answer.url == f"/complaints/{made.code}"
    assert owner.get(f"/complaints/{made.code}").status_code == 404
    assert world.stranger.name in text_of(operator.get(f"/complaints/{made.code}"))
    operator.post(f"/complaints/{made.code}/take-up")
    seen = text_of(owner.get(f"/complaints/{made.code}"))
    assert "数值与论文不符。" in seen
    assert world.stranger.name not in seen
    assert owner.get(f"/complaints/{made.code}/file").status_code == 404
    proof = operator.get(f"/complaints/{made.code}/file")
    assert bytes_of(proof) == PDF
    owner.post(f"/complaints/{made.code}/state-view", {"text": "见检测报告第 4 页。"})
    assert "见检测报告第 4 页。" in text_of(operator.get(f"/complaints/{made.code}"))
    assert "见检测报告第 4 页。" not in text_of(stranger.get(f"/complaints/{made.code}"))
    refused = operator.post(
        f"/complaints/{made.code}/uphold", {"do": "uphold", "answer": "已撤下。", "owner_answer": ""}
    )
    assert refused.status_code == 422
    operator.post(f"/complaints/{made.code}/uphold", {"answer": "已撤下。", "owner_answer": "与报告不符。"})
    assert Client().get(f"/needs/{need.code}").status_code == 404
    assert "已撤下。" in text_of(stranger.get(f"/complaints/{made.code}"))
    assert "与报告不符。" not in text_of(stranger.get(f"/complaints/{made.code}"))
    assert "与报告不符。" in text_of(owner.get(f"/complaints/{made.code}"))
    assert "已撤下。" not in text_of(owner.get(f"/complaints/{made.code}"))


def test_a_complaint_about_what_is_not_public_is_not_there(world):
    need = make_need(publisher=world.organisation, state="withdrawn")
    assert browser(world.stranger).get(f"/needs/{need.code}/complain").status_code == 404
    assert browser(world.reviewer).get(f"/needs/{need.code}/complain").status_code == 404
    assert Complaint.objects.count() == 0


def test_every_page_in_english_has_no_chinese_of_ours(world):
    found = world.at_platform(
        content={**NEED, "texts": {"en": {"title": "Acid-proof membrane", "problem": "It fails."}}, "indicators": []}
    )
    Person.objects.update(name_zh="", name_en="Somebody")
    world.organisation.__class__.objects.update(name_zh="", name_en="Some organisation")
    client = browser(world.operator, "en")
    for path in ("/review", f"/review/{found.code}", "/review/complaints", "/complaints", "/submissions"):
        page = client.get(path).content.decode().partition("<main")[2].partition("</main>")[0]
        page = re.sub(r'<[^>]*lang="zh[^>]*>.*?</[a-z]+>', "", page, flags=re.DOTALL)
        assert re.findall(r"[\u4e00-\u9fff]+", page) == []
    assert Submission.objects.count() == 1
