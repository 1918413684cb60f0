"""Runs in processes of the site: people who change items, an operator who moves the index and matches all pairs, and at
the end somebody who compares everything that is kept with what the rows give anew.
"""

import json
import random
import time
from collections import Counter

import numpy as np
from django.db import Error, connection

from keqiao.catalogue import selectors as catalogue
from keqiao.catalogue import services as items
from keqiao.catalogue.models import Achievement, Need
from keqiao.catalogue.services import AchievementDraft, NeedDraft
from keqiao.kernel import sealing
from keqiao.kernel.errors import DomainError
from keqiao.kernel.models import Event
from keqiao.matching import (
    building,
    excerpts,
    index_moves,
    index_state,
    indexing,
    known,
    scoring,
    services,
    stale,
    stones,
    tasks,
)
from keqiao.matching.all_pairs import driving, runners
from keqiao.matching.gathering import achievement_facts, need_facts, regions
from keqiao.matching.models import Excerpt, Match, Study
from keqiao.parties import selectors as parties

MODELS = {"achievement": Achievement, "need": Need}
FACTS = {"achievement": achievement_facts, "need": need_facts}
COMMANDS = {
    "achievement": (items.publish_achievement, items.withdraw_achievement, items.rewrite_achievement, AchievementDraft),
    "need": (items.publish_need, items.withdraw_need, items.rewrite_need, NeedDraft),
}
AWAY_FOR = 0.3  # seconds between tries while the database is away
NEEDS_A_SHARD = 4
ITEMS_A_CHUNK = 40


def say(*words):
    print(*words, flush=True)


# --- who uses the site ------------------------------------------------------------------------------------------------


def prepare():
    """A token of an operator, who may import straight into public view, and the organisation that owns what comes in."""
    from keqiao.integrations.tests.factories import make_token
    from keqiao.parties.models import Person
    from keqiao.parties.tests.factories import make_operator, make_organisation

    operator = make_operator()
    owner = make_organisation(code="DW-KILLS", kind="university", name_zh="量测大学")
    _token, secret = make_token(person=Person.objects.get(pk=operator.person_id), scopes=("import:write",))
    say("TOKEN", secret)
    say("OWNER", owner.code)


def edit(seed):
    """One command after the other; says what it tries, and what was acknowledged. Lives through a database that dies."""
    chance, number = random.Random(seed), 0
    codes = None
    while True:
        number += 1
        try:
            codes = codes or {kind: _codes_to_edit(kind) for kind in MODELS}
            kind = chance.choice(("achievement", "need"))
            code = chance.choice(codes[kind])
            say("TRY", code)
            item, mark = _changed(chance, kind, code, f"zz{seed}e{number}x")
            say("ACK", code, item.revision, item.state, mark or "-")
        except (Error, DomainError):
            connection.close()
            time.sleep(AWAY_FOR)
        time.sleep(chance.uniform(0.2, 1.0))


def _codes_to_edit(kind):
    """Those that only this editor changes."""
    return sorted(MODELS[kind].objects.filter(external_id="").order_by("pk").values_list("code", flat=True)[:60])


def _changed(chance, kind, code, mark):
    publish, withdraw, rewrite, draft = COMMANDS[kind]
    system, item = parties.system(), MODELS[kind].objects.get(code=code)
    if item.state != "published":
        return publish(actor=system, code=code), ""
    if chance.random() < 0.3:
        return withdraw(actor=system, code=code), ""
    texts = {text.lang: _texts(text, mark) for text in item.texts.all()}
    return rewrite(actor=system, code=code, draft=draft({}, texts)), mark


def _texts(text, mark):
    """As it stands, with another mark at the end of its title."""
    names = [f.name for f in text._meta.concrete_fields if f.name not in {"id", "achievement", "need", "lang"}]
    found = {name: getattr(text, name) for name in names}
    return {**found, "title": f"{text.title.split(' zz')[0]} {mark}"}


def move_index(seed):
    """To the other engine and, mostly, over to it: begun, or gone on with where the one before was killed."""
    chance = random.Random(seed)
    indexing.CHUNK = ITEMS_A_CHUNK
    try:
        index_moves.carry(other_engine(), say)
        if chance.random() < 0.7:
            index_moves.switch_over(back=index_moves.under_way().has_switched)
            if chance.random() < 0.5:
                index_moves.finish()
    except index_moves.MoveTrouble as trouble:  # an index that was rebuilt meanwhile ends its move
        say(trouble)


def other_engine():
    sides = index_moves.under_way()
    if sides:
        return sides.move.target
    return index_state.LANCE if index_state.engine_name() == index_state.MILVUS else index_state.MILVUS


def match_all_pairs():
    services.begin_all_pairs(actor=parties.system(), needs_a_shard=NEEDS_A_SHARD)
    while driving.under_way():
        try:
            driving.drive(runners.of_settings(), tell=say)
        except driving.BusyElsewhere:  # the worker's job came first
            time.sleep(AWAY_FOR)


# --- coming to rest ---------------------------------------------------------------------------------------------------


def look_after():
    """What the periodic jobs of the next hours do, so that nobody waits for them: they find what a killed process left."""
    tasks.look_for_stale_matches()
    tasks.look_for_lacking_excerpts()


def hasten():
    """Retries come now, not after their pause; how many jobs are open, and which failed for good. One of a kind that comes
    again by itself, as its queueing lock tells, may fail with its database.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE procrastinate_jobs SET scheduled_at = now() WHERE status = 'todo' AND scheduled_at > now() AND attempts > 0"
        )
        due = "status = 'doing' OR (status = 'todo' AND coalesce(scheduled_at, now()) <= now())"
        cursor.execute(f"SELECT task_name, status, count(*) FROM procrastinate_jobs WHERE {due} GROUP BY 1, 2")
        is_open = cursor.fetchall()
        cursor.execute(
            "SELECT task_name, count(*) FROM procrastinate_jobs WHERE status = 'failed' AND queueing_lock IS NULL GROUP BY 1"
        )
        say("JOBS", json.dumps({"open": is_open, "failed": cursor.fetchall()}))


# --- comparing --------------------------------------------------------------------------------------------------------


def rows():
    """Every item as it stands: code → external id, revision, state, titles."""
    found = {}
    for model in MODELS.values():
        for item in model.objects.prefetch_related("texts"):
            titles = " ".join(text.title for text in item.texts.all())
            found[item.code] = [item.external_id, item.revision, item.state, titles]
    say("ROWS", json.dumps(found))


def faults():
    """Whatever is kept and is not what the rows give; an empty list when all is right."""
    found = Counter()
    for kind in MODELS:
        for side in sorted({index_state.engine_name(), other_side()}):
            _compare_index(kind, side, found)
        _compare_excerpts(kind, found)
    _compare_matches(found)
    sealing.seal(whole=True)
    broken = sealing.verify()
    if broken:
        found[f"seal {broken}"] += 1
    if unsealed := Event.objects.filter(seal=None).count():
        found["events without a seal"] = unsealed
    say("FAULTS", json.dumps(found))


def other_side():
    """While a move is under way and the other side is filled; else that which serves."""
    moving, state = index_state.move(), index_state.serving()
    return moving.other(state) if moving and moving.is_filled else state.engine


def contents():
    """What the index that serves holds, without its vectors: a rebuild trains another model."""
    state = index_state.serving()
    held = {kind: dict(_held(kind, state.engine)[0]) for kind in MODELS}
    say("CONTENTS", json.dumps(held))


def _held(kind, side):
    """Code → tokens, and code → vector; what stands twice is said."""
    tokens, vectors, twice = {}, {}, 0
    for batch in index_state.engine_of(side).every(indexing.index_name(kind, index_state.serving().version)):
        for code, text, vector in zip(batch.ids, batch.tokens, batch.vectors, strict=True):
            twice += code in tokens
            tokens[code], vectors[code] = text, vector
    assert not twice, f"{twice} {kind}s stand twice in {side}"
    return tokens, vectors


def _compare_index(kind, side, found):
    state, model = index_state.serving(), indexing.model()
    tokens, vectors = _held(kind, side)
    published = list(catalogue.items_to_index(kind).filter(state="published"))
    fresh = building.documents(kind, published, model, state.leg)
    *right, held = indexing.held_of(kind, side, {item.code: item.revision for item in published})
    found[f"{kind} of another revision in {side}"] += len(published) - sum(right)
    found[f"{kind} too many in {side}"] += held - sum(right)
    found[f"{kind} lacking in {side}"] += len({doc.id for doc in fresh} - set(tokens))
    found[f"{kind} not public in {side}"] += len(set(tokens) - {doc.id for doc in fresh})
    for doc in fresh:
        if doc.id in tokens:
            found[f"tokens of {kind} in {side}"] += tokens[doc.id] != " ".join(doc.tokens)
            found[f"vector of {kind} in {side}"] += not np.allclose(vectors[doc.id], doc.vector, atol=1e-6)


def _compare_excerpts(kind, found):
    model = indexing.model()
    kept = {getattr(row, f"{kind}_id"): row for row in Excerpt.objects.filter(**{f"{kind}__isnull": False})}
    published = {item.pk: item for item in catalogue.published_ids(kind).prefetch_related("texts", "indicators")}
    found[f"excerpts of {kind} lacking"] += len(excerpts.lacking(kind, model, after=0, most=10_000))
    found[f"excerpts of {kind} that is not public"] += len(set(kept) - set(published))
    for pk in set(kept) & set(published):
        item = published[pk]
        fresh = known.packed(known.as_known(FACTS[kind](item, regions()), item.revision, model))
        found[f"excerpt of {kind} that differs"] += bytes(kept[pk].content) != fresh


def _compare_matches(found):
    version, model = scoring.version(), indexing.model()
    found["needs that were not computed"] += len(stale.needs_to_compute())
    found["needs that were not studied"] += len(stale.needs_to_study())
    found["studies of needs that are not public"] += Study.objects.exclude(need__state="published").count()
    asked = {need.pk: scoring.Scorer(need_facts(need, regions())) for need in _published("need")}
    offered = {
        item.pk: known.as_known(achievement_facts(item, regions()), item.revision, model)
        for item in _published("achievement")
    }
    for row in Match.objects.all():
        if row.need_id not in asked or row.achievement_id not in offered:
            found["matches of what is not public"] += 1
        elif row.version != version:
            found["matches of another version"] += 1
        else:
            fresh = stones.arch_to_json(asked[row.need_id].arch(offered[row.achievement_id]))
            found["matches that differ"] += row.arch != json.loads(json.dumps(fresh))


def _published(kind):
    return catalogue.published_ids(kind).prefetch_related("texts", "indicators")


def matches():
    """All that are stored."""
    kept = Match.objects.order_by("need", "achievement").values_list("need", "achievement", "score", "arch")
    say("MATCHES", json.dumps([list(row) for row in kept]))


def compute_anew():
    Match.objects.all().delete()
    for need_id in catalogue.published_ids("need").values_list("pk", flat=True):
        services.compute_matches(actor=parties.system(), kind="need", item_id=need_id)
