"""The seam against a server on this machine and against the twin: what is sent, kept, counted and refused."""

import json
import subprocess
import sys
from datetime import timedelta
from decimal import Decimal

import numpy as np
import pytest
from pydantic import BaseModel, ConfigDict

from keqiao.inference import asking, gateways, selectors, services
from keqiao.inference.gateways import MemoryModels, Trouble
from keqiao.inference.models import Call, Circuit, KeptAnswer, KeptVector
from keqiao.inference.tests import loopback
from keqiao.inference.tests.factories import agree, make_approver, use_chat, use_embeddings
from keqiao.inference.types import BadAnswer, CapReached, ModelRests, ModelUnavailable, NoConsent, NoProvider, Task
from keqiao.kernel import clock
from keqiao.kernel.commands import command
from keqiao.parties import selectors as parties
from keqiao.parties.tests.factories import make_organisation

pytestmark = pytest.mark.django_db


class Shape(BaseModel):
    model_config = ConfigDict(extra="forbid")
    title: str


@pytest.fixture
def server():
    with loopback.serving() as state:
        yield state


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch):
    monkeypatch.setattr(asking, "PAUSE", 0.001)
    monkeypatch.setattr(asking, "LONGEST_PAUSE", 0.01)


def ask(organisation, text="原文", **given):
    return asking.ask(
        task=Task.DRAFTING, organisation_id=organisation.pk, instructions="起草", text=text, shape=Shape, **given
    )


# --- vectors ----------------------------------------------------------------------------------------------------------


def test_texts_become_vectors_of_length_one_in_their_order_and_are_asked_once(server, settings):
    use_embeddings(settings, server.url, price="1.5")
    vectors = asking.embed(["abcd", "ab", "abcd"], task=Task.INDEXING)
    assert vectors.shape == (3, 3)
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-3)
    assert np.allclose(vectors[0], np.array([4, 1, 2]) / np.sqrt(21), atol=1e-3)
    assert asking.embed(["ab", "abcd"], task=Task.INDEXING)[0].tolist() == vectors[1].tolist()
    assert [(row["path"], row["input"]) for row in server.asked] == [("/v1/embeddings", ["abcd", "ab"])]
    call = Call.objects.get()
    assert (call.state, call.tokens_in, call.micros, call.is_estimated) == ("done", 14, 21, False)
    assert KeptVector.objects.count() == 2


def test_many_texts_go_in_batches(server, settings):
    use_embeddings(settings, server.url)
    assert asking.embed([f"text {n}" for n in range(150)], task=Task.INDEXING).shape == (150, 3)
    assert [len(row["input"]) for row in server.asked] == [64, 64, 22]


def test_the_key_is_sent_to_the_endpoint_and_stands_nowhere_else(server, settings):
    use_embeddings(settings, server.url, key="secret-key")
    asking.embed(["a"], task=Task.INDEXING)
    assert server.keys == ["Bearer secret-key"]
    assert "secret-key" not in repr(selectors.provider("embeddings"))


def test_a_passing_failure_is_tried_again(server, settings):
    use_embeddings(settings, server.url)
    server.plan, server.headers = [503, 429], {"Retry-After": "1"}
    assert asking.embed(["a"], task=Task.INDEXING).shape == (1, 3)
    assert list(Call.objects.order_by("pk").values_list("state", "problem")) == [
        ("failed", "HTTP 503"),
        ("failed", "HTTP 429"),
        ("done", ""),
    ]


@pytest.mark.parametrize(
    ("step", "problem", "tries"),
    [
        (401, "HTTP 401", 1),
        (302, "redirects are not followed", 1),
        (b"<html>", "not JSON", 1),
        (b'{"data": [{"index": 0, "embedding": [1]}]}', "not one vector for each text", 1),
        (b'{"data": [{"index": 0, "embedding": []}, {"index": 1, "embedding": []}]}', "not vectors of one length", 1),
        (b'{"data": [{"index": 0, "embedding": [1]}, {"index": 1, "embedding": [1, 2]}]}', "not an answer to /embeddings", 1),
        (500, "HTTP 500", 3),
    ],
)  # fmt: skip
def test_no_usable_answer_is_no_answer(server, settings, step, problem, tries):
    use_embeddings(settings, server.url)
    server.plan, server.headers = [step] * 9, {"Location": server.url + "/elsewhere"}
    with pytest.raises(ModelUnavailable):
        asking.embed(["a", "b"], task=Task.INDEXING)
    assert list(Call.objects.values_list("problem", flat=True)) == [problem] * tries
    assert {row["path"] for row in server.asked} == {"/v1/embeddings"}


def test_who_waits_for_a_search_is_not_kept_waiting(server, settings, monkeypatch):
    monkeypatch.setattr(asking, "AWAITED_SECONDS", 0.2)
    use_embeddings(settings, server.url, searches=True)
    server.plan = [1.0]
    with pytest.raises(ModelUnavailable):
        asking.embed(["a"], task=Task.SEARCH, is_awaited=True)
    assert Call.objects.get().problem == "timeout"


def test_an_answer_without_end_is_cut_off(server, settings, monkeypatch):
    monkeypatch.setattr(gateways, "MOST_BYTES", 1000)
    use_embeddings(settings, server.url)
    server.plan = [b"x" * 5000]
    with pytest.raises(ModelUnavailable):
        asking.embed(["a"], task=Task.INDEXING)
    assert Call.objects.get().problem == "answer too long"


def test_without_a_provider_nothing_is_asked():
    with pytest.raises(NoProvider):
        asking.embed(["a"], task=Task.INDEXING)
    with pytest.raises(NoProvider):
        ask(make_organisation())
    assert Call.objects.count() == 0


def test_what_people_type_stays_here_unless_the_operator_says_otherwise(settings):
    use_embeddings(settings)
    with pytest.raises(NoConsent):
        asking.embed(["typed"], task=Task.SEARCH)
    assert MemoryModels.sent == []
    settings.EMBEDDINGS_SEARCHES = True
    asking.embed(["typed"], task=Task.SEARCH)
    assert MemoryModels.sent == ["typed"]


def test_inside_a_command_only_what_is_kept_is_given(settings):
    use_embeddings(settings)
    asking.embed(["known"], task=Task.INDEXING)

    @command
    def looks(*, actor, text):
        return asking.embed([text], task=Task.INDEXING)

    assert looks(actor=parties.system(), text="known").shape == (1, 64)
    with pytest.raises(ModelUnavailable):
        looks(actor=parties.system(), text="new")
    assert MemoryModels.sent == ["known"]

    @command
    def talks(*, actor):
        ask(make_organisation())

    with pytest.raises(RuntimeError):
        talks(actor=parties.system())


# --- the account ------------------------------------------------------------------------------------------------------


def test_what_would_go_beyond_the_months_cap_is_not_asked(settings):
    use_embeddings(settings, price="1000")
    settings.MODELS_CAP = Decimal("0.01")
    asking.embed(["a"], task=Task.INDEXING)  # 1 token at 0.001 yuan
    with pytest.raises(CapReached):
        asking.embed(["b" * 100], task=Task.INDEXING)
    assert MemoryModels.sent == ["a"]
    Call.objects.update(at=clock.now() - timedelta(days=40))  # another month
    assert selectors.spent_this_month() == 0


def test_a_reservation_that_was_never_settled_counts(settings):
    use_embeddings(settings, price="1000")
    settings.MODELS_CAP = Decimal(1)
    services.reserve_call(actor=parties.system(), service="embeddings", task="indexing", tokens_in=900)
    with pytest.raises(CapReached):
        services.reserve_call(actor=parties.system(), service="embeddings", task="indexing", tokens_in=101)
    services.reserve_call(actor=parties.system(), service="embeddings", task="indexing", tokens_in=100)
    assert selectors.spent_this_month() == 1_000_000


@pytest.mark.django_db(transaction=True)
def test_two_that_reserve_at_once_do_not_both_take_the_rest(settings):
    from concurrent.futures import ThreadPoolExecutor

    from django.db import connections

    use_embeddings(settings, price="1000")
    settings.MODELS_CAP = Decimal(1)

    def reserve(_n):
        try:
            services.reserve_call(actor=parties.system(), service="embeddings", task="indexing", tokens_in=400)
        except CapReached:
            return False
        finally:
            connections.close_all()
        return True

    with ThreadPoolExecutor(6) as pool:
        assert sorted(pool.map(reserve, range(6))) == [False] * 4 + [True] * 2


def test_after_failures_in_a_row_it_is_left_alone_and_then_tried_once(settings):
    use_embeddings(settings)
    MemoryModels.troubles = [Trouble("timeout", may_pass=True)] * 6
    for _time in range(2):
        with pytest.raises(ModelUnavailable):
            asking.embed(["a"], task=Task.INDEXING)
    assert len(MemoryModels.sent) == 5  # three tries, then two, then it rests
    assert selectors.health() == {"embeddings": "resting", "chat": "off"}
    with pytest.raises(ModelRests):
        asking.embed(["a"], task=Task.INDEXING)
    Circuit.objects.update(open_until=clock.now() - timedelta(seconds=1))
    with pytest.raises(ModelUnavailable):
        asking.embed(["a"], task=Task.INDEXING)
    assert len(MemoryModels.sent) == 6
    row = Circuit.objects.get()
    assert (row.failures, row.problem) == (6, "timeout")
    assert timedelta(seconds=100) < row.open_until - clock.now() < timedelta(seconds=121)  # twice as long
    Circuit.objects.update(open_until=clock.now() - timedelta(seconds=1))
    asking.embed(["a"], task=Task.INDEXING)
    assert selectors.health()["embeddings"] == "ok"


# --- words ------------------------------------------------------------------------------------------------------------


def test_an_answer_of_the_right_shape_is_kept_for_the_job_that_runs_again(server, settings):
    use_chat(settings, server.url)
    organisation = make_organisation()
    agree(organisation)
    server.said = ['```json\n{"title": "耐酸膜"}\n```']
    first, second = ask(organisation), ask(organisation)
    assert (first.said.title, first.model, second) == ("耐酸膜", "chat-1", first)
    assert len(server.asked) == 1
    asked = server.asked[0]
    assert asked["path"] == "/v1/chat/completions"
    assert asked["response_format"]["json_schema"]["schema"] == Shape.model_json_schema()
    call = Call.objects.get()
    assert (call.organisation_id, call.tokens_in, call.tokens_out, call.micros) == (organisation.pk, 100, 20, 360)


def test_a_server_that_knows_no_schemas_is_asked_without(server, settings):
    use_chat(settings, server.url)
    organisation = make_organisation()
    agree(organisation)
    server.plan, server.said = [400], ['{"title": "x"}']
    assert ask(organisation).said.title == "x"
    assert ["response_format" in row for row in server.asked] == [True, False]


@pytest.mark.parametrize("said", ["", "sorry", '{"title": 5}', '{"title": "x", "more": 1}', "[]", '{"title": null}'])
def test_an_answer_of_another_shape_is_never_used(server, settings, said):
    use_chat(settings, server.url)
    organisation = make_organisation()
    agree(organisation)
    server.said = [said] * 3
    with pytest.raises(BadAnswer):
        ask(organisation)
    assert Call.objects.filter(state="failed", problem="another shape", tokens_out=20).count() == 3  # paid all the same
    assert selectors.health()["chat"] == "ok"  # it is well, it only says other things
    assert KeptAnswer.objects.count() == 0


def test_nothing_is_sent_without_the_organisations_consent(settings):
    use_chat(settings)
    organisation, other = make_organisation(), make_organisation()
    agree(other)
    with pytest.raises(NoConsent):
        ask(organisation)
    with pytest.raises(NoConsent):
        services.reserve_call(
            actor=parties.system(), service="chat", task="drafting", tokens_in=1, organisation_id=organisation.pk
        )
    assert MemoryModels.sent == []


def test_a_withdrawn_consent_ends_it_and_what_was_kept(settings):
    use_chat(settings)
    actor, organisation = make_approver()
    services.give_consent(actor=actor, organisation_code=organisation.code)
    MemoryModels.answers = ['{"title": "a"}']
    ask(organisation)
    services.withdraw_consent(actor=actor, organisation_code=organisation.code)
    assert KeptAnswer.objects.count() == 0
    with pytest.raises(NoConsent):
        ask(organisation)
    assert len(MemoryModels.sent) == 1


def test_a_consent_withdrawn_while_the_model_answers_keeps_nothing(settings):
    use_chat(settings)
    organisation = make_organisation()
    services.keep_answer(actor=parties.system(), key=b"k" * 32, organisation_id=organisation.pk, answer="{}")
    assert KeptAnswer.objects.count() == 0


def test_consent_is_for_one_model_at_one_place(settings):
    use_chat(settings)
    organisation = make_organisation()
    agree(organisation)
    assert selectors.has_consent(organisation.pk)
    settings.CHAT_MODEL = "chat-2"
    assert not selectors.has_consent(organisation.pk)
    agree(organisation)
    assert selectors.has_consent(organisation.pk)
    assert [row.model for row in selectors.consents_before(organisation.pk)] == ["chat-1"]


def test_old_things_are_forgotten(settings, rules):
    use_chat(settings)
    use_embeddings(settings)
    organisation = make_organisation()
    agree(organisation)
    MemoryModels.answers = [json.dumps({"title": "a"})]
    ask(organisation)
    asking.embed(["a", "b"], task=Task.INDEXING)
    KeptAnswer.objects.update(at=clock.now() - timedelta(days=8))
    KeptVector.objects.update(used_on=clock.today() - timedelta(days=200))
    asking.embed(["b"], task=Task.INDEXING)  # in use again
    services.forget_old_answers(actor=parties.system())
    assert (KeptAnswer.objects.count(), KeptVector.objects.count(), Call.objects.count()) == (0, 1, 2)


# --- a plain install --------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_no_process_loads_a_model_library_before_a_folder_is_asked():
    """The web's addresses, every job and the command line, in a process of their own."""
    code = (
        "import sys, django, importlib; django.setup();"
        "[importlib.import_module(m) for m in ('keqiao.web.urls', 'keqiao.cli.worker', 'keqiao.inference.asking',"
        " 'keqiao.inference.gateways', 'keqiao.matching.tasks', 'keqiao.matching.indexing')];"
        "print([m for m in ('torch', 'sentence_transformers', 'transformers', 'onnxruntime') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**__import__("os").environ, "DJANGO_SETTINGS_MODULE": "keqiao.web.settings"},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (done.stdout.strip(), done.returncode) == ("[]", 0), done.stderr


def test_a_folder_without_the_extra_says_what_is_missing(settings, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "sentence_transformers", None)  # as where it is not installed
    settings.EMBEDDINGS_FOLDER = str(tmp_path)
    with pytest.raises(ModelUnavailable):
        asking.embed(["a"], task=Task.SEARCH)
    assert Call.objects.get().problem == "keqiao[models] is not installed"


def test_a_folder_makes_vectors_and_nothing_leaves(settings, tmp_path, monkeypatch):
    class SentenceTransformer:
        def __init__(self, folder, *, device, local_files_only, trust_remote_code):
            assert (folder, local_files_only, trust_remote_code) == (str(tmp_path), True, False)

        def encode(self, texts, **_given):
            return [[3.0, 4.0] for _text in texts]

    monkeypatch.setitem(sys.modules, "sentence_transformers", type(sys)("sentence_transformers"))
    sys.modules["sentence_transformers"].SentenceTransformer = SentenceTransformer
    settings.EMBEDDINGS_FOLDER = str(tmp_path)
    gateways._loaded.cache_clear()
    assert np.allclose(asking.embed(["a"], task=Task.SEARCH), [[0.6, 0.8]], atol=1e-3)
    gateways._loaded.cache_clear()
