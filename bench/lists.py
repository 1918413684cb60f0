"""List pages with few and with many rows: `python bench/lists.py [--few 10000] [--many 1000000] [--rounds 15]`.

Fills a database of its own (build/bench-lists) by SQL with rows of realistic columns, asks every list page in one
process, then adds rows up to the larger size and asks again. The figure is the ratio of the medians. Texts are short:
a list shows titles and the first lines only.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import sys
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
PAGES = {
    "needs": "/needs",
    "needs, page 500": "/needs?page=500",
    "needs of a field": "/needs?field=materials",
    "needs of a region": "/needs?region=310000",
    "achievements": "/achievements",
    "achievements by maturity": "/achievements?sort=trl",
    "achievements with granted rights": "/achievements?ip=granted",
    "achievements of a field, page 50": "/achievements?field=energy&page=50",
    "organisations": "/organisations",
    "organisations by name": "/organisations?name=单位 77",
    "organisation": "/organisations/DW-00007",
    "feed": "/feeds/needs.atom",
    "api needs": "/api/v1/needs?per_page=20",
    "api achievements": "/api/v1/achievements?per_page=20",
    "home": "/",
}
OWN_PAGES = {  # of somebody whose organisation did all of it
    "notices": "/me/notices",
    "workbench": "/me",
    "own submissions": "/submissions",
    "contacts": "/contacts?box=all",
    "imports": "/import",
    "watches": "/me/alerts",
    "deals": "/deals",
    "deals, page 100": "/deals?page=100",
    "public notices": "/public-notices",
    "experts": "/experts",
    "review queue": "/review",  # of an operator
    "review queue of a kind": "/review?kind=need",
}
FIELDS = "'{materials,equipment,biomed,energy,ai,ic,agri,environment,aerospace,ict}'::text[]"
REGIONS = "'{310000,110000,330000,320000,440000,510000,370000,420000,610000,340000}'::text[]"
FILL = {
    "organisations": """
        INSERT INTO parties_organisation (code, kind, name_zh, name_en, short_zh, short_en, about_zh, about_en, region,
            qualifications, source, is_fictional)
        SELECT 'DW-' || lpad(n::text, 5, '0'), CASE n % 3 WHEN 0 THEN 'university' ELSE 'enterprise' END, '单位 ' || n,
            'Organisation ' || n, '', '', '', '', ({regions})[1 + n % 10], '{{}}', '', true
        FROM generate_series({first}, {last}) n""",
    "needs": """
        INSERT INTO catalogue_need (code, state, field, ipc, industry, discipline, keywords_zh, keywords_en, modes, region,
            price_kind, price_low, price_high, currency, is_fictional, source, passages, external_id, published_at,
            revision, publisher_id, publisher_shown, kind, trl_min, region_wish)
        SELECT 'XQ-' || n, CASE WHEN n % 50 = 0 THEN 'draft' ELSE 'published' END, ({fields})[1 + n % 10], '{{}}', '{{}}',
            '{{}}', '{{}}', '{{}}', '{{service}}', ({regions})[1 + n / 7 % 10], 'amount', n * 1000, n * 2000, 'CNY', true,
            '{{}}', '{{}}', '', now() - n * interval '1 second', 1, {org}, 'shown', 'company', 1 + n % 9, 'any'
        FROM generate_series({first}, {last}) n""",
    "achievements": """
        INSERT INTO catalogue_achievement (code, state, field, ipc, industry, discipline, keywords_zh, keywords_en, modes,
            region, price_kind, currency, is_fictional, source, passages, external_id, published_at, revision, owner_id,
            unit_zh, unit_en, trl, trl_evidence_zh, trl_evidence_en, ownership, price_for)
        SELECT 'CG-' || n, CASE WHEN n % 50 = 0 THEN 'draft' ELSE 'published' END, ({fields})[1 + n % 10], '{{}}', '{{}}',
            '{{}}', '{{}}', '{{}}', '{{transfer}}', ({regions})[1 + n / 7 % 10], 'negotiable', 'CNY', true, '{{}}', '{{}}',
            '', now() - n * interval '1 second', 1, {org}, '', '', 1 + n % 9, '{{}}', '{{}}', 'institution', ''
        FROM generate_series({first}, {last}) n""",
    "need texts": """
        INSERT INTO catalogue_needtext (need_id, lang, origin, title, problem, background, tried, wanted, offers)
        SELECT id, 'zh', 'author', '需求 ' || code, '现用膜三个月失效，需要耐酸的替代。', '', '', '', ''
        FROM catalogue_need WHERE id > {known_needs}""",
    "achievement texts": """
        INSERT INTO catalogue_achievementtext (achievement_id, lang, origin, title, problem, how, stage, summary, incumbent,
            advantage)
        SELECT id, 'zh', 'author', '成果 ' || code, '', '', '', '在 pH 1 下稳定的纳滤膜。', '', ''
        FROM catalogue_achievement WHERE id > {known_achievements}""",
    "rights": """
        WITH made AS (
            INSERT INTO catalogue_ipasset (kind, number, title_zh, title_en, status, owner_id, is_fictional)
            SELECT 'software', 'SR' || id, '', '', 'registered', owner_id, true FROM catalogue_achievement
            WHERE id > {known_achievements} AND id % 3 = 0 RETURNING id, number)
        INSERT INTO catalogue_achievement_assets (achievement_id, ipasset_id)
        SELECT substr(number, 3)::bigint, id FROM made""",
}

OWN_FILL = {
    "notices": """
        INSERT INTO kernel_notice (id, person_id, kind, key, title_zh, title_en, link, created_at, read_at)
        SELECT {drawn} + n, {me}, 'engagement.contact', 'b' || n, '通知 ' || n, 'Notice ' || n, '/contacts',
            now() - n * interval '1 second', CASE WHEN n % 100 > 0 THEN now() END
        FROM generate_series({first}, {last}) n""",
    "submissions": """
        INSERT INTO submissions_submission (code, kind, state, organisation_id, author_id, content, revision, step, origin,
            external_id, skipped, saved_at, submitted_at, due_on)
        SELECT 'TJ-' || n, CASE n % 2 WHEN 0 THEN 'need' ELSE 'achievement' END,
            CASE n % 4 WHEN 0 THEN 'draft' ELSE 'platform_review' END, {home}, {me},
            jsonb_build_object('texts', jsonb_build_object('zh', jsonb_build_object('title', '草稿 ' || n))), 1, 1, 'form',
            '', '', now() - n * interval '1 second', CASE n % 4 WHEN 0 THEN NULL ELSE now() - n * interval '1 second' END,
            CASE n % 4 WHEN 0 THEN NULL ELSE current_date + n % 9 END
        FROM generate_series({first}, {last}) n""",
    "contacts": """
        INSERT INTO engagement_contact (code, need_id, achievement_id, from_side, from_organisation_id, from_person_id,
            to_organisation_id, state, masked, key, due_on, decline_reason, last_side, last_at)
        SELECT 'DJ-' || n, (SELECT min(id) FROM catalogue_need) + n - 1, (SELECT min(id) FROM catalogue_achievement) + n - 1,
            'achievement', {home}, {me}, {other}, 'answered', false, 'b' || n, current_date, '', 'need',
            now() - n * interval '1 second'
        FROM generate_series({first}, {last}) n""",
    "imports": """
        INSERT INTO interchange_import (code, kind, state, file_name, format, encoding, delimiter, header, mapping, problem,
            person_id, organisation_id, created_at)
        SELECT 'DR-' || n, 'needs', 'done', 'rows.csv', 'csv', 'utf-8', ',', '[]', '{{}}', '{{}}', {me}, {home},
            now() - n * interval '1 second'
        FROM generate_series({first}, {last}) n""",
    "watches": """
        INSERT INTO alerts_watch (code, person_id, subject, need_id, scheme, class_code, threshold, cadence, is_chosen,
            is_active, since)
        SELECT 'DY-' || n, {me}, 'need', (SELECT min(id) FROM catalogue_need) + n - 1, '', '', 60, 'daily', true, true, now()
        FROM generate_series({first}, {last}) n""",
    "deals": """
        INSERT INTO deals_deal (code, title_zh, title_en, mode, pricing, other_party_id, currency, amount, signed_on,
            jurisdiction, registration_number, broker_bp, broker_is_cost, state, made_at)
        SELECT 'JY-' || n, '转让 ' || n, 'Deal ' || n, 'transfer', 'agreement', {other}, 'CNY', n * 100, current_date,
            'CN', '', 0, false, 'running', now() - n * interval '1 second'
        FROM generate_series({first}, {last}) n""",
    "owners of deals": """
        INSERT INTO deals_dealowner (deal_id, organisation_id, position)
        SELECT id, {home}, 1 FROM deals_deal WHERE id > {known_deals}""",
    "public notices": """
        INSERT INTO kernel_publicnotice (code, kind, subject, audience, organisation_ids, title_zh, title_en, facts, people,
            rule_key, rule_text, days, in_working_days, is_provisional, opened_at, closes_at, state)
        SELECT 'GS-' || n, 'deals.price', 'deals.price:' || n, 'public', ARRAY[{home}]::bigint[], '公示 ' || n, 'Notice ' || n,
            '{{}}', '[]', 'k', '', 15, false, false, now() - n * interval '1 second', now() + interval '9 days', 'open'
        FROM generate_series({first}, {last}) n""",
    "people": """
        INSERT INTO parties_person (id, name_zh, name_en, user_id)
        SELECT {drawn} + n, '专家 ' || n, '', NULL FROM generate_series({first}, {last}) n""",
    "experts": """
        INSERT INTO experts_expertprofile (code, person_id, statement_zh, statement_en, capacity, is_listed, listed_at, words,
            revision, indexed_revision)
        SELECT 'ZJ-' || n, {drawn} + n, '膜材料', '', 5, true, now(), 3, 1, 1 FROM generate_series({first}, {last}) n""",
}
DRAWN = 2**50  # above every key that is drawn for a row made by the services, below 2^53


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--few", type=int, default=10_000)
    parser.add_argument("--many", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--data", type=Path, default=ROOT / "build" / "bench-lists")
    parser.add_argument("--out", type=Path)
    args = parser.parse_args()
    os.environ |= {"KEQIAO_DATA": str(args.data), "KEQIAO_LOG_LEVEL": "ERROR", "KEQIAO_ALLOWED_HOSTS": "testserver"}
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "keqiao.web.settings")
    from keqiao.runtime import postgres
    from keqiao.runtime.environment import read_environment

    postgres.remove(read_environment())  # what an interrupted run left
    with postgres.using(read_environment(), {"fsync": "off", "synchronous_commit": "off", "max_wal_size": "4GB"}):
        text, worst = run(args)
    postgres.remove(read_environment())
    print(text)
    if args.out:
        args.out.write_text(text, encoding="utf-8")
    return 0 if worst <= 2 else 1


def run(args: argparse.Namespace) -> tuple[str, float]:
    import django

    django.setup()
    from django.core.management import call_command

    from keqiao.kernel import parameters
    from keqiao.parties import selectors as parties

    call_command("migrate", verbosity=0)
    parameters.load_packs(actor=parties.system())
    own, clients = somebody()
    fill(1, args.few, own)
    few = ask(args.rounds, clients)
    fill(args.few + 1, args.many, own)
    many = ask(args.rounds, clients)
    worst = max(many[name] / few[name] for name in few)
    head = f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"
    lines = [
        f"List pages at {args.few:,} and {args.many:,} rows of each kind; median of {args.rounds}, one process; {head}",
        "",
        "| page | few, ms | many, ms | ratio |",
        "|---|---|---|---|",
        *(f"| {name} | {few[name]:.1f} | {many[name]:.1f} | {many[name] / few[name]:.2f} |" for name in few),
    ]
    return "\n".join(lines) + "\n", worst


def somebody() -> tuple[dict[str, int], dict[str, Any]]:
    """Whose rows the own lists show, and the browsers of them, of an operator and of a visitor."""
    from django.test import Client

    from keqiao.parties import selectors as parties
    from keqiao.parties import services as people

    system = parties.system()
    home, other, platform = (
        people.register_organisation(actor=system, code=f"DW-BENCH{n}", kind=kind, name_zh=f"量测单位 {n}")
        for n, kind in enumerate(("university", "enterprise", "exchange"))
    )
    found, clients = {"home": home.pk, "other": other.pk, "drawn": DRAWN}, {"visitor": Client()}
    for name, role, place in (("me", "conversion_officer", home), ("operator", "administrator", platform)):
        person = people.register_person(
            actor=system, email=f"{name}@example.org", password="bench-2026-only", name_zh=f"量测 {name}"
        )
        people.appoint(actor=system, person_id=person.pk, organisation_id=place.pk, role=role)
        clients[name] = Client()
        clients[name].force_login(person.user)
        found[name] = person.pk
    return found, clients


def fill(first: int, last: int, own: dict[str, int]) -> None:
    from django.db import connection

    from keqiao.matching import services
    from keqiao.parties import selectors as parties

    began = time.monotonic()
    known = {}
    with connection.cursor() as cursor:
        for table in ("catalogue_need", "catalogue_achievement", "deals_deal"):
            cursor.execute(f"SELECT coalesce(max(id), 0) FROM {table}")
            known[f"known_{table.split('_')[1]}s"] = cursor.fetchone()[0]
        for name, statement in (FILL | OWN_FILL).items():
            # One organisation for a hundred items, as in a large city.
            to = (max(1, first // 100) + (first > 1), last // 100) if name == "organisations" else (first, last)
            org = f"(SELECT min(id) FROM parties_organisation) + n % {max(1, last // 100)}"
            cursor.execute(
                statement.format(first=to[0], last=to[1], fields=FIELDS, regions=REGIONS, org=org, **known, **own)
            )
        cursor.execute("VACUUM ANALYZE")
    for kind in ("achievement", "need"):
        services.count_list(actor=parties.system(), kind=kind)
    print(f"{last:,} rows of each kind in {time.monotonic() - began:.0f} s", file=sys.stderr)


def ask(rounds: int, clients: dict[str, Any]) -> dict[str, float]:
    """Page → median milliseconds. The first answer of each page warms the process."""
    from django.core.cache import cache

    asked = [("visitor", name, address) for name, address in PAGES.items()]
    asked += [("operator" if "queue" in name else "me", name, address) for name, address in OWN_PAGES.items()]
    times: dict[str, list[float]] = {name: [] for _who, name, _address in asked}
    for turn in range(rounds + 1):
        for who, name, address in asked:
            cache.clear()  # what is kept for half a minute is not what is measured
            began = time.perf_counter()
            answer = clients[who].get(address)
            took = (time.perf_counter() - began) * 1000
            assert answer.status_code == 200, (address, answer.status_code)
            if turn:
                times[name].append(took)
    return {name: statistics.median(found) for name, found in times.items()}


if __name__ == "__main__":
    sys.exit(main())
