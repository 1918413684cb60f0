"""People say what fits → an operator trains, reads the card, puts it in force → a need's points change → back again."""

import re

import pytest
from playwright.sync_api import expect

from tests.test_journeys_contact import visitor

pytestmark = [pytest.mark.browser, pytest.mark.slow]

NEED, RESULT = "XQ-2026-01873", "CG-2026-00642"


@pytest.fixture
def jobs(lanjiang, django_db_blocker):
    """What the worker would do: hear the marks, train, compute the need anew. The city is left as it was."""
    from django.db import connections

    from keqiao.catalogue.models import Need
    from keqiao.kernel import events
    from keqiao.kernel.models import Event
    from keqiao.learning import services as learning
    from keqiao.learning import training
    from keqiao.learning.models import LearnedModel
    from keqiao.learning.selectors import model_in_force
    from keqiao.matching import scoring, services
    from keqiao.matching.models import WeightChange
    from keqiao.parties import selectors as parties

    system = parties.system()

    class Jobs:
        def hear(self):
            for event in Event.objects.filter(name__startswith="engagement.match_").order_by("-pk")[:4]:
                events.dispatch(event)

        def train(self):
            training.train(LearnedModel.objects.get(state="training").pk)

        def compute(self):
            scoring.forget_weights()
            services.compute_matches(actor=system, kind="need", item_id=Need.objects.get(code=NEED).pk)

    with django_db_blocker.unblock():
        LearnedModel.objects.filter(state="training").delete()
        yield Jobs()
        if model_in_force() is not None:
            learning.roll_back(actor=system, is_confirmed=True)
        WeightChange.objects.all().delete()
        Jobs().compute()
        connections.close_all()


@pytest.mark.parametrize(("language", "script"), [("zh-hans", True), ("en", False)])
def test_from_feedback_to_points_and_back(browser, lanjiang, jobs, language, script):
    from keqiao.learning.models import TrainingRow

    with visitor(browser, lanjiang, "xu@chengyuan.example", language=language, java_script_enabled=script) as page:
        page.goto(f"{lanjiang}/needs/{NEED}?match={RESULT}")
        before = page.locator("#why").inner_text()
        page.locator('#fit form[action$="/suitable"] button').click()
        expect(page.locator("#fit .tag.is-ok")).to_be_visible()
    jobs.hear()
    row = TrainingRow.objects.get(need__code=NEED, achievement__code=RESULT, side="need", person__isnull=False)
    assert (row.is_suitable, row.position is not None) == (True, True)

    with visitor(browser, lanjiang, "admin@ltt.example", language=language, java_script_enabled=script) as page:
        page.goto(f"{lanjiang}/admin/learning")
        page.locator('form[action="/admin/learning"] button').click()
        page.wait_for_url(re.compile("/admin/learning/MX-"))
        expect(page.locator("#progress [role=status]")).to_be_visible()
        jobs.train()
        if not script:  # else the page asks by itself
            page.locator('#progress a[href*="/admin/learning/MX-"]').click()
        expect(page.locator("#differences")).to_be_visible(timeout=20_000)
        page.locator("button[value=promote]").click()  # without the tick
        expect(page.locator(".errsum")).to_be_visible()
        page.locator("#f-confirmed").check()
        page.locator("button[value=promote]").click()
        expect(page.locator(".note.is-ok")).to_be_visible()
        code = page.url.rsplit("/", 1)[1].split("?")[0]
        page.goto(f"{lanjiang}/about/matching")
        expect(page.get_by_role("main")).to_contain_text(code)
        jobs.compute()
        page.goto(f"{lanjiang}/needs/{NEED}?match={RESULT}")
        assert page.locator("#why").inner_text() != before
        changed = page.locator("#why").inner_text()
        page.goto(f"{lanjiang}/admin/learning")
        page.locator("#f-confirmed").check()
        page.locator('form[action="/admin/learning/roll-back"] button').click()
        page.wait_for_url(re.compile("rolled_back=1"))
        jobs.compute()
        page.goto(f"{lanjiang}/needs/{NEED}?match={RESULT}")
        assert page.locator("#why").inner_text() != changed

    with visitor(browser, lanjiang, "xu@chengyuan.example", language=language, java_script_enabled=script) as page:
        page.goto(f"{lanjiang}/needs/{NEED}?match={RESULT}")
        page.locator('#fit form[action$="/undo"] button').click()
        expect(page.locator('#fit form[action$="/suitable"] button')).to_be_visible()
