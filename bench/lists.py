"""List pages with few and with many rows: `python bench/lists.py [--few 10000] [--many 1000000] [--rounds 15]`.

Fills two databases of its own (build/bench-lists) by SQL with rows of realistic columns, serves each from a process of its
own, and asks every list page of both by turns. One person and one university have a thousand rows of each kind at either
size. The figure is the ratio of the medians; beside it the processor time, which a busy machine changes less, and the pages
of the database that the queries touch, which it does not change at all. Below the table: the plan of each page's slowest
query. Texts are short: a list shows titles and the first lines only.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
PAGES = {  # of a visitor
    "needs": "/needs",
    "needs, page 500": "/needs?page=500",
    "needs of a field": "/needs?field=materials",
    "needs of a region": "/needs?region=310000",
    "achievements": "/achievements",
    "achievements by maturity": "/achievements?sort=trl",
    "achievements with granted rights": "/achievements?ip=granted",
    "achievements of a field, page 50": "/achievements?field=energy&page=50",
    "organisations": "/organisations",
    "organisations of a kind": "/organisations?kind=university",
    "organisations by name": "/organisations?name=单位 7",  # at either size a page full
    "organisation": "/organisations/DW-00007",
    "organisation with a thousand items": "/organisations/DW-BENCH0",
    "matches of a need": "/needs/XQ-77/matches",
    "feed": "/feeds/needs.atom",
    "sitemap index": "/sitemap.xml",
    "api needs": "/api/v1/needs?per_page=20",
    "api achievements": "/api/v1/achievements?per_page=20",
    "api organisations": "/api/v1/organisations",
    "api public notices": "/api/v1/public-notices",
    "home": "/",
}
OWN_PAGES = {  # of somebody who has, or whose university has, a thousand of each
    "notices": "/me/notices",
    "workbench": "/me",
    "own submissions": "/submissions",
    "drafts": "/post",
    "contacts": "/contacts?box=all",
    "contacts, my turn": "/contacts",
    "unsuitable": "/me/unsuitable",
    "imports": "/import",
    "rows of an import with errors": "/import/DR-3",
    "watches": "/me/alerts",
    "what was told": "/me/alerts/history",
    "upkeep": "/me/upkeep",
    "deals": "/deals",
    "deals, page 100": "/deals?page=100",
    "price notices": "/price-notices",
    "own money": "/me/money",
    "public notices": "/public-notices",
    "experts": "/experts",
    "experts by word": "/experts?word=膜",
    "assignments": "/assignments",
    "joinings asked of us": "/me/joins",
    "joinings asked by us": "/me/joins?box=ours",
    "own complaints": "/complaints",
    "members": "/organisations/DW-BENCH0/members",
    "privacy": "/me/privacy",
    "webhooks": "/me/webhooks",
    "deliveries of a webhook": "/me/webhooks/HD-BENCH",
    "models of an organisation": "/organisations/DW-BENCH0/models",
    "api drafts": "/api/v1/drafts",
    "api contacts": "/api/v1/contacts",
    "api deals": "/api/v1/deals",
    "api distributions": "/api/v1/distributions",
    "api price notices": "/api/v1/price-notices",
    "api own money": "/api/v1/me/money",
    "api experts": "/api/v1/experts",
    "api feedback": "/api/v1/feedback",
    "api joinings": "/api/v1/joinings",
    "api watches": "/api/v1/watches",
    "api alerts": "/api/v1/alerts",
    "api stale items": "/api/v1/stale-items",
    "api assignments": "/api/v1/assignments",
    "api complaints": "/api/v1/complaints",
}
OPERATORS_PAGES = {
    "review queue": "/review",
    "review queue of a kind": "/review?kind=need",
    "operators workbench": "/me",
    "complaint queue": "/review/complaints",
    "complaints decided": "/review/complaints?state=dismissed",
    "join requests": "/join-requests",
    "verifications": "/verifications",
    "merges": "/merges",
    "requests for a broker": "/contacts/brokers",
    "assignment plans": "/assignments/plans",
    "model calls": "/admin/models",
    "upkeep of all": "/me/upkeep",
    "running": "/admin/health",
    "api reviews": "/api/v1/reviews?side=platform",
    "api assignment plans": "/api/v1/assignment-plans",
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
            '{{}}', '{{}}', '', now() - n * interval '1 second', 1, {place}, 'shown', 'company', 1 + n % 9, 'any'
        FROM generate_series({first}, {last}) n""",
    "achievements": """
        INSERT INTO catalogue_achievement (code, state, field, ipc, industry, discipline, keywords_zh, keywords_en, modes,
            region, price_kind, currency, is_fictional, source, passages, external_id, published_at, revision, owner_id,
            unit_zh, unit_en, trl, trl_evidence_zh, trl_evidence_en, ownership, price_for)
        SELECT 'CG-' || n, CASE WHEN n % 50 = 0 THEN 'draft' ELSE 'published' END, ({fields})[1 + n % 10], '{{}}', '{{}}',
            '{{}}', '{{}}', '{{}}', '{{transfer}}', ({regions})[1 + n / 7 % 10], 'negotiable', 'CNY', true, '{{}}', '{{}}',
            '', now() - n * interval '1 second', 1, {place}, '', '', 1 + n % 9, '{{}}', '{{}}', 'institution', ''
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
    "accounts": """
        INSERT INTO auth_user (id, username, password, email, first_name, last_name, is_active, is_staff, is_superuser,
            date_joined)
        SELECT n + 1000, 'b' || n, '', '', '', '', true, false, false, now() FROM generate_series({first}, {last}) n""",
    "people": """
        INSERT INTO parties_person (id, name_zh, name_en, user_id)
        SELECT {drawn} + n, '专家 ' || n, '', n + 1000 FROM generate_series({first}, {last}) n""",
    "notices": """
        INSERT INTO kernel_notice (id, person_id, kind, key, title_zh, title_en, link, created_at, read_at)
        SELECT {drawn} + n, {who}, 'engagement.contact', 'b' || n, '通知 ' || n, 'Notice ' || n, '/contacts',
            now() - n * interval '1 second', CASE WHEN n / {share} % 7 > 0 THEN now() END
        FROM generate_series({first}, {last}) n""",
    "submissions": """
        INSERT INTO submissions_submission (code, kind, state, organisation_id, author_id, content, revision, step, origin,
            external_id, skipped, saved_at, submitted_at, due_on)
        SELECT 'TJ-' || n, CASE n / {share} % 2 WHEN 0 THEN 'need' ELSE 'achievement' END,
            CASE n / {share} % 4 WHEN 0 THEN 'draft' ELSE 'platform_review' END, {place}, {who},
            jsonb_build_object('texts', jsonb_build_object('zh', jsonb_build_object('title', '草稿 ' || n))), 1, 1, 'form',
            '', '', now() - n * interval '1 second', CASE n / {share} % 4 WHEN 0 THEN NULL ELSE now() - n * interval '1 second' END,
            CASE n / {share} % 4 WHEN 0 THEN NULL ELSE current_date + n % 9 END
        FROM generate_series({first}, {last}) n""",
    "contacts": """
        INSERT INTO engagement_contact (code, need_id, achievement_id, from_side, from_organisation_id, from_person_id,
            to_organisation_id, state, masked, key, due_on, decline_reason, last_side, last_at)
        SELECT 'DJ-' || n, (SELECT min(id) FROM catalogue_need) + n - 1, (SELECT min(id) FROM catalogue_achievement) + n - 1,
            'achievement', {place}, {who}, {other}, 'answered', false, 'b' || n, current_date, '', 'need',
            now() - n * interval '1 second'
        FROM generate_series({first}, {last}) n""",
    "imports": """
        INSERT INTO interchange_import (code, kind, state, file_name, format, encoding, delimiter, header, mapping, problem,
            person_id, organisation_id, created_at)
        SELECT 'DR-' || n, 'needs', 'done', 'rows.csv', 'csv', 'utf-8', ',', '[]', '{{}}', '{{}}', {who}, {place},
            now() - n * interval '1 second'
        FROM generate_series({first}, {last}) n""",
    "watches": """
        INSERT INTO alerts_watch (code, person_id, subject, need_id, scheme, class_code, threshold, cadence, is_chosen,
            is_active, since)
        SELECT 'DY-' || n, {who}, 'need', (SELECT min(id) FROM catalogue_need) + n - 1, '', '', 60, 'daily', true, true, now()
        FROM generate_series({first}, {last}) n""",
    "deals": """
        INSERT INTO deals_deal (code, title_zh, title_en, mode, pricing, other_party_id, currency, amount, signed_on,
            jurisdiction, registration_number, broker_bp, broker_is_cost, state, made_at)
        SELECT 'JY-' || n, '转让 ' || n, 'Deal ' || n, 'transfer', 'agreement', {other}, 'CNY', n * 100, current_date,
            'CN', '', 0, false, 'running', now() - n * interval '1 second'
        FROM generate_series({first}, {last}) n""",
    "owners of deals": """
        INSERT INTO deals_dealowner (deal_id, organisation_id, position)
        SELECT (SELECT min(id) FROM deals_deal) + n - 1, {place}, 1 FROM generate_series({first}, {last}) n""",
    "public notices": """
        INSERT INTO kernel_publicnotice (code, kind, subject, audience, organisation_ids, title_zh, title_en, facts, people,
            rule_key, rule_text, days, in_working_days, is_provisional, opened_at, closes_at, state)
        SELECT 'GS-' || n, 'deals.price', 'deals.price:' || n, 'public', ARRAY[{place}]::bigint[], '公示 ' || n, 'Notice ' || n,
            '{{}}', '[]', 'k', '', 15, false, false, now() - n * interval '1 second', now() + interval '9 days', 'open'
        FROM generate_series({first}, {last}) n""",
    "posts": """
        INSERT INTO parties_post (person_id, organisation_id, role, title_zh, title_en)
        SELECT {drawn} + n, {place}, 'researcher', '', ''
        FROM generate_series({first}, {last}) n""",
    "experts": """
        INSERT INTO experts_expertprofile (code, person_id, statement_zh, statement_en, capacity, is_listed, listed_at, words,
            revision, indexed_revision)
        SELECT 'ZJ-' || n, {drawn} + n, '膜材料', '', 5, true, now(), 3, 1, 1 FROM generate_series({first}, {last}) n""",
    "matches": """
        INSERT INTO matching_match (need_id, achievement_id, score, has_unmet, arch, version)
        SELECT (SELECT min(id) FROM catalogue_need) + n - 1, (SELECT min(id) FROM catalogue_achievement) + n - 1, 40 + n % 60,
            n % 3 = 0, jsonb_build_object('score', 40 + n % 60, 'has_unmet', n % 3 = 0, 'stones',
                jsonb_build_array(jsonb_build_object(
                'stone', 'technology', 'weight', 100, 'fit', (40 + n % 60) / 100.0, 'points', 40 + n % 60,
                'verdict', 'partly', 'findings', '[]'::jsonb))),
            'bench'
        FROM generate_series({first}, {last}) n""",
    "messages": """
        INSERT INTO engagement_message (contact_id, number, kind, place, author_id, text, key)
        SELECT (SELECT min(id) FROM engagement_contact) + n - 1, 1, 'opening', 'achievement', {who}, '您好', 'b'
        FROM generate_series({first}, {last}) n""",
    "participants": """
        INSERT INTO engagement_participant (contact_id, person_id, organisation_id, place)
        SELECT (SELECT min(id) FROM engagement_contact) + n - 1, {who}, {place}, 'achievement'
        FROM generate_series({first}, {last}) n""",
    "requests for a broker": """
        INSERT INTO engagement_brokerrequest (contact_id, asked_side, state, asked_at)
        SELECT (SELECT min(id) FROM engagement_contact) + n - 1, 'achievement', 'agreed', now() - n * interval '1 second'
        FROM generate_series({first}, {last}) n""",
    "unsuitable": """
        INSERT INTO engagement_matchfeedback (need_id, achievement_id, side, organisation_id, person_id, version, is_suitable,
            reason, note, marked_at)
        SELECT (SELECT min(id) FROM catalogue_need) + n - 1, (SELECT min(id) FROM catalogue_achievement) + n, 'achievement',
            {place}, {who}, '', false, '', '', now() - n * interval '1 second'
        FROM generate_series({first}, {last} - 1) n""",
    "complaints": """
        INSERT INTO submissions_complaint (code, achievement_id, state, reason, text, complainant_id, made_at, due_on, answer)
        SELECT 'TS-' || n, (SELECT min(id) FROM catalogue_achievement) + n - 1,
            (ARRAY['open', 'in_review', 'upheld', 'dismissed'])[1 + n % 4], 'untrue', '指标不实', {who},
            now() - n * interval '1 second', current_date + n % 9, ''
        FROM generate_series({first}, {last}) n""",
    "join requests": """
        INSERT INTO parties_joinrequest (code, organisation_id, person_id, role, text, state, made_at, reason)
        SELECT 'RZ-' || n, {org}, {drawn} + n, 'researcher', '', 'open', now() - n * interval '1 second', ''
        FROM generate_series({first}, {last}) n""",
    "verifications": """
        INSERT INTO parties_verification (code, organisation_id, applicant_id, credit_code, state, made_at, due_on)
        SELECT 'RZH-' || n, {org}, {drawn} + n, '', CASE n % 2 WHEN 0 THEN 'open' ELSE 'approved' END,
            now() - n * interval '1 second', current_date + n % 9
        FROM generate_series({first}, {last}) n WHERE n % 2 = 1""",
    "merges": """
        INSERT INTO parties_merge (code, kept_id, gone_id, moved, reason, made_at, undone_at)
        SELECT 'HB-' || n, {home}, {other}, '{{}}', '', now() - n * interval '1 second', now()
        FROM generate_series({first}, {last}) n""",
    "changes": """
        INSERT INTO parties_organisationchange (organisation_id, person_id, at, fields)
        SELECT {place}, {who}, now() - n * interval '1 second', '{{}}' FROM generate_series({first}, {last}) n""",
    "joinings asked of us": """
        INSERT INTO joining_joining (code, need_id, organisation_id, state, shows_name, note, asked_at)
        SELECT 'LH-' || id, id, {other}, 'asked', true, '', published_at
        FROM catalogue_need WHERE id > {known_needs} AND publisher_id = {home}""",
    "joinings asked by us": """
        INSERT INTO joining_joining (code, need_id, organisation_id, state, shows_name, note, asked_at)
        SELECT 'LO-' || id, id, CASE id % {share} WHEN 7 THEN {home} ELSE {other} END, 'asked', true, '', published_at
        FROM catalogue_need WHERE id > {known_needs} AND publisher_id <> {home}""",
    "digests": """
        INSERT INTO alerts_digest (code, person_id, cadence, made_on, made_at, lines)
        SELECT 'ZB-' || n, {who}, 'at_once', current_date, now() - n * interval '1 second', 1
        FROM generate_series({first}, {last}) n""",
    "alerts": """
        INSERT INTO alerts_alert (watch_id, person_id, need_id, reason, occasion, score, state, digest_id)
        SELECT (SELECT min(id) FROM alerts_watch) + n - 1, {who}, (SELECT min(id) FROM catalogue_need) + n - 1, 'changed', 0, 70,
            'sent', (SELECT min(id) FROM alerts_digest) + n - 1
        FROM generate_series({first}, {last}) n""",
    "stale items": """
        INSERT INTO alerts_staleitem (code, need_id, reason)
        SELECT 'GX-' || id, id, 'quiet' FROM catalogue_need WHERE id > {known_needs}""",
    "price notices": """
        INSERT INTO deals_pricenotice (code, organisation_id, title_zh, title_en, mode, currency, amount, price_text, notice_id,
            made_at)
        SELECT 'JG-' || n, {place}, '公示 ' || n, '', 'transfer', 'CNY', 100, '', (SELECT min(id) FROM kernel_publicnotice) + n - 1,
            now() - n * interval '1 second'
        FROM generate_series({first}, {last}) n""",
    "receipts": """
        INSERT INTO deals_receipt (deal_id, number, key, kind, name, received_on, amount, currency, rate_source, charges,
            made_at)
        SELECT (SELECT min(id) FROM deals_deal) + n - 1, 1, 'b', 'payment', '', current_date, 100, 'CNY', '', '[]', now()
        FROM generate_series({first}, {last}) n""",
    "distributions": """
        INSERT INTO deals_distribution (code, deal_id, receipt_id, organisation_id, share_versions, staff, terms_digest, unit,
            facts, state, reason, made_at)
        SELECT 'FP-' || n, (SELECT min(id) FROM deals_deal) + n - 1, (SELECT min(id) FROM deals_receipt) + n - 1, {place}, '[]',
            '[]', '', 'CNY', '{{}}', 'confirming', '', now()
        FROM generate_series({first}, {last}) n""",
    "confirmations": """
        INSERT INTO deals_confirmation (distribution_id, person_id, amount, answer, reason, reply)
        SELECT (SELECT min(id) FROM deals_distribution) + n - 1, {who}, 100, 'waiting', '', ''
        FROM generate_series({first}, {last}) n""",
    "payments": """
        INSERT INTO deals_payment (code, distribution_id, person_id, amount, currency, state)
        SELECT 'ZF-' || n, (SELECT min(id) FROM deals_distribution) + n - 1, {who}, 100, 'CNY', 'waiting'
        FROM generate_series({first}, {last}) n""",
    "own profile": """
        INSERT INTO experts_expertprofile (code, person_id, statement_zh, statement_en, capacity, is_listed, words,
            revision, indexed_revision)
        VALUES ('ZJ-BENCH', {me}, '', '', 5, false, 0, 1, 1) ON CONFLICT DO NOTHING""",
    "plans": """
        INSERT INTO experts_assignmentplan (code, title, kind, organisation_id, made_by_id, key, state, solver, per_need, spread,
            raises_worst, most_each, scored, total, made_at)
        SELECT 'ZP-' || n, '方案 ' || n, 'experts', {place}, {who}, 'b' || n, 'confirmed', '', 1, 0, false, 5,
            1, 1, now() - n * interval '1 second'
        FROM generate_series({first}, {last}) n""",
    "needs of plans": """
        INSERT INTO experts_planneed (plan_id, need_id, position, is_scored)
        SELECT (SELECT min(id) FROM experts_assignmentplan) + n - 1, (SELECT min(id) FROM catalogue_need) + n - 1, 1, true
        FROM generate_series({first}, {last}) n""",
    "candidates": """
        INSERT INTO experts_candidate (plan_id, profile_id, position, capacity, load)
        SELECT (SELECT min(id) FROM experts_assignmentplan) + n - 1,
            CASE n % {share} WHEN 3 THEN (SELECT id FROM experts_expertprofile WHERE code = 'ZJ-BENCH')
                ELSE (SELECT min(id) FROM experts_expertprofile) + n - 1 END, 1, 5, 0
        FROM generate_series({first}, {last}) n""",
    "assignments": """
        INSERT INTO experts_assignment (code, need_id, candidate_id, state, score, load_before, why_not, override_reason, made_at,
            asked_at, due_on, decline_reason, decline_note)
        SELECT 'PD-' || n, (SELECT min(id) FROM experts_planneed) + n - 1, (SELECT min(id) FROM experts_candidate) + n - 1,
            'asked', 70, 0, '', '', now(), now() - n * interval '1 second', current_date + n % 9, '', ''
        FROM generate_series({first}, {last}) n""",
    "webhook": """
        INSERT INTO integrations_webhook (code, organisation_id, url, kinds, secret, old_secret)
        SELECT 'HD-BENCH', {home}, 'https://example.org/', '{{needs}}', '', ''
        WHERE NOT EXISTS (SELECT 1 FROM integrations_webhook)""",
    "deliveries": """
        INSERT INTO integrations_delivery (webhook_id, code, kind, body, state, answer, problem, created_at)
        SELECT (SELECT id FROM integrations_webhook), 'TD-' || n, 'needs', '', 'delivered', '', '',
            now() - n * interval '1 second'
        FROM generate_series({first}, {last}) n""",
    "rows of an import": """
        INSERT INTO interchange_importrow (job_id, number, state, key, fingerprint, content, problems, made)
        SELECT (SELECT id FROM interchange_import WHERE code = 'DR-3'), n, 'wrong', '', '', '{{}}', '[]', ''
        FROM generate_series({first}, {last}) n""",
    "model calls": """
        INSERT INTO inference_call (service, task, model, host, organisation_id, state, tokens_in, tokens_out, is_estimated, micros,
            problem, at)
        SELECT 'embeddings', 'search', 'm', 'h', {place}, 'done', 10, 0, false, 1, '', now() - n * interval '150 seconds'
        FROM generate_series({first}, {last}) n""",
    "events": """
        INSERT INTO kernel_event (name, at, actor_id, subject, data)
        SELECT 'engagement.message_sent', now() - n * interval '1 second', {me}, 'engagement.contact:' || n, '{{}}'
        FROM generate_series({first}, {last}) n""",
}
OWN = 1_000  # rows of each kind of one person and one university, at either size
BAR = 2  # times as long with a hundred times as many rows
DRAWN = 2**50  # above every key that is drawn for a row made by the services, below 2^53


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--few", type=int, default=10_000)
    parser.add_argument("--many", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument(
        "--data", type=Path, default=ROOT / "build" / "bench-lists", help="one folder in it for each size"
    )
    parser.add_argument(
        "--keep", action="store_true", help="take what an earlier run with --keep has filled, and leave it"
    )
    parser.add_argument("--out", type=Path)
    parser.add_argument("--serve", type=int, default=0, help=argparse.SUPPRESS)  # a child: the site of this size
    args = parser.parse_args()
    if args.serve:
        return serve(args)
    few, many = (Site(size, args) for size in (args.few, args.many))
    try:
        report, worst = compare(few, many, args)
    finally:
        for site in (few, many):
            site.end()
    print(report)
    if args.out:
        args.out.write_text(report, encoding="utf-8")
    return 0 if worst <= BAR else 1


# --- two sites, asked by turns ----------------------------------------------------------------------------------------


class Site:
    """A site of one size in a process of its own, with a database of its own."""

    def __init__(self, size: int, args: argparse.Namespace) -> None:
        command = [sys.executable, __file__, "--serve", str(size), "--data", str(args.data / str(size))]
        self.process = subprocess.Popen(
            [*command, *(["--keep"] if args.keep else [])], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert self.process.stdout
        assert self.process.stdout.readline() == "ready\n", "the site did not come up"

    def ask(self, task: str, name: str) -> Any:
        assert self.process.stdin
        assert self.process.stdout
        print(json.dumps([task, name]), file=self.process.stdin, flush=True)
        return json.loads(self.process.stdout.readline())

    def end(self) -> None:
        if self.process.stdin:
            self.process.stdin.close()
        self.process.wait()


def compare(few: Site, many: Site, args: argparse.Namespace) -> tuple[str, float]:
    """Each page of the one and of the other by turns, so that whatever else the machine does meets both alike."""
    names = [name for pages in (PAGES, OWN_PAGES, OPERATORS_PAGES) for name in pages]
    asked: dict[str, list[tuple[Any, Any]]] = {name: [] for name in names}
    for turn in range(args.rounds + 1):
        for name in names:
            pair = (few.ask("page", name), many.ask("page", name))
            if turn:  # the first answer warms the process
                asked[name].append(pair)
    found = {name: Row.of(pairs) for name, pairs in asked.items()}
    worked = {name: (few.ask("work", name), many.ask("work", name)) for name in names}
    worst = max(row.ratio for row in found.values())
    machine = (
        f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"
    )
    lines = [
        f"Pages at {args.few:,} and {args.many:,} rows of each kind, asked by turns; medians of {args.rounds}; {machine}.",
        f"Load of the machine in the last five minutes: {os.getloadavg()[1]:.1f}.",
        "",
        "`processor`: of the web process and its database connection together. `read`: pages of 8 KB that all queries of the page",
        f"touch, which no load changes. Bar: {BAR} × the time.",
        "",
        "| page | few, ms | many, ms | ratio | processor, ms | ratio | queries | read, few | many |",
        "|---|--:|--:|--:|--:|--:|--:|--:|--:|",
    ]
    for name, row in found.items():
        small, large = worked[name]
        lines.append(
            f"| {name} | {row.few:.1f} | {row.many:.1f} | {row.ratio:.2f} | {row.few_cpu:.1f} → {row.many_cpu:.1f} | "
            f"{row.cpu_ratio:.2f} | {large['queries']} | {small['read']:,} | {large['read']:,} |"
        )
    lines += [
        "",
        f"The query of each page that took longest at {args.many:,} rows: its plan, rows at each node, pages touched.",
        "",
    ]
    lines += [f"- **{name}** ({worked[name][1]['ms']:.1f} ms): {worked[name][1]['plan']}" for name in names]
    return "\n".join(lines) + "\n", worst


@dataclass(frozen=True)
class Row:
    few: float
    many: float
    ratio: float
    few_cpu: float
    many_cpu: float
    cpu_ratio: float

    @staticmethod
    def of(pairs: list[tuple[Any, Any]]) -> Row:
        middle = statistics.median
        took = [(a["ms"], b["ms"]) for a, b in pairs]
        worked = [(a["cpu"], b["cpu"]) for a, b in pairs]
        few, many, few_cpu, many_cpu = (middle(side) for values in (took, worked) for side in zip(*values, strict=True))
        return Row(few, many, many / few, few_cpu, many_cpu, many_cpu / few_cpu)


# --- one site ---------------------------------------------------------------------------------------------------------


def serve(args: argparse.Namespace) -> int:
    told = os.fdopen(os.dup(1), "w")  # what a library prints must not come between the answers
    os.dup2(2, 1)
    os.environ |= {"KEQIAO_DATA": str(args.data), "KEQIAO_LOG_LEVEL": "ERROR", "KEQIAO_ALLOWED_HOSTS": "testserver"}
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "keqiao.web.settings")
    from keqiao.runtime import postgres
    from keqiao.runtime.environment import read_environment

    filled = args.data / "filled"
    keeps = args.keep and filled.exists()
    if not keeps:
        postgres.remove(read_environment())  # what an interrupted run left
    # No parallel workers: their work is not seen where it is measured.
    options = {
        "fsync": "off",
        "synchronous_commit": "off",
        "max_wal_size": "4GB",
        "max_parallel_workers_per_gather": "0",
    }
    with postgres.using(read_environment(), options):
        clients = prepare(args.serve, None if keeps else filled)
        print("ready", file=told, flush=True)
        for line in sys.stdin:
            task, name = json.loads(line)
            print(json.dumps({"page": page, "work": work}[task](name, clients)), file=told, flush=True)
    if not args.keep:
        postgres.remove(read_environment())
    return 0


def prepare(size: int, filled: Path | None) -> dict[str, Any]:
    import django

    django.setup()
    from django.core.management import call_command

    from keqiao.kernel import parameters
    from keqiao.parties import selectors as parties

    call_command("migrate", verbosity=0)
    if filled:
        parameters.load_packs(actor=parties.system())
        fill(1, size, somebody())
        filled.touch()
    return browsers()


PEOPLE = {"me": "conversion_officer", "operator": "administrator"}


def somebody() -> dict[str, int]:
    """Whose rows the own lists show, and an operator."""
    from keqiao.parties import selectors as parties
    from keqiao.parties import services as people

    system = parties.system()
    home, other, platform = (
        people.register_organisation(actor=system, code=f"DW-BENCH{n}", kind=kind, name_zh=f"量测单位 {n}")
        for n, kind in enumerate(("university", "enterprise", "exchange"))
    )
    found = {"home": home.pk, "other": other.pk, "drawn": DRAWN}
    for (name, role), place in zip(PEOPLE.items(), (home, platform), strict=True):
        person = people.register_person(
            actor=system, email=f"{name}@example.org", password="bench-2026-only", name_zh=f"量测 {name}"
        )
        people.appoint(actor=system, person_id=person.pk, organisation_id=place.pk, role=role)
        found[name] = person.pk
    return found


def browsers() -> dict[str, Any]:
    from django.contrib.auth import get_user_model
    from django.test import Client

    clients = {"visitor": Client()}
    for name in PEOPLE:
        clients[name] = Client()
        clients[name].force_login(get_user_model().objects.get(email=f"{name}@example.org"))
    return clients


def fill(first: int, last: int, own: dict[str, int]) -> None:
    from django.db import connection

    from keqiao.kernel import partitions
    from keqiao.matching import services
    from keqiao.parties import selectors as parties

    began = time.monotonic()
    known = {}
    with connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")  # rows that hold together need no checking one by one
        for table in ("catalogue_need", "catalogue_achievement", "deals_deal"):
            cursor.execute(f"SELECT coalesce(max(id), 0) FROM {table}")
            known[f"known_{table.split('_')[1]}s"] = cursor.fetchone()[0]
        for name, statement in (FILL | OWN_FILL).items():
            # One organisation for a hundred items, as in a large city.
            to = (max(1, first // 100) + (first > 1), last // 100) if name == "organisations" else (first, last)
            org = f"(SELECT min(id) FROM parties_organisation) + 3 + n % {max(1, last // 100)}"
            share = max(1, last // OWN)
            mine = f"CASE n % {share} WHEN 3"
            values = {
                "org": org,
                "place": f"{mine} THEN {own['home']} ELSE {org} END",
                "who": f"{mine} THEN {own['me']} ELSE {DRAWN} + n END",
                "share": share,
            }
            since = time.monotonic()
            partitions.open_ahead()  # as the worker does
            cursor.execute(
                statement.format(first=to[0], last=to[1], fields=FIELDS, regions=REGIONS, **values, **known, **own)
            )
            print(f"  {name}: {time.monotonic() - since:.0f} s", file=sys.stderr)
        cursor.execute("SET session_replication_role = origin")
        cursor.execute("VACUUM ANALYZE")
    for kind in ("achievement", "need"):
        services.count_list(actor=parties.system(), kind=kind)
    print(f"{last:,} rows of each kind in {time.monotonic() - began:.0f} s", file=sys.stderr)


def get(name: str, clients: dict[str, Any]) -> None:
    from django.core.cache import cache

    places = (("visitor", PAGES), ("me", OWN_PAGES), ("operator", OPERATORS_PAGES))
    who, address = next((who, pages[name]) for who, pages in places if name in pages)
    cache.clear()  # what is kept for half a minute is not what is measured
    answer = clients[who].get(address)
    if answer.status_code != 200:
        print(f"{address}: {answer.status_code}", file=sys.stderr)


def page(name: str, clients: dict[str, Any]) -> dict[str, float]:
    """Milliseconds by the clock, and of processor here and in the database's process."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM integrations_ratecount")
        cursor.execute("SELECT pg_backend_pid()")
        backend = Path(f"/proc/{cursor.fetchone()[0]}/schedstat")
    began, worked, theirs = time.perf_counter(), time.process_time(), on_processor(backend)
    get(name, clients)
    took, own = time.perf_counter() - began, time.process_time() - worked
    return {"ms": took * 1000, "cpu": own * 1000 + (on_processor(backend) - theirs) / 1e6}


def on_processor(process: Path) -> int:
    """Nanoseconds; 0 where the system does not tell."""
    return int(process.read_text().split()[0]) if process.exists() else 0


def work(name: str, clients: dict[str, Any]) -> dict[str, Any]:
    """What the page's queries touch, by the database's own account, and the plan of the one that takes longest."""
    from django.db import connection

    asked: list[tuple[str, Any]] = []

    def note(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        asked.append((sql, params))
        return execute(sql, params, many, context)

    with connection.execute_wrapper(note):
        get(name, clients)
    plans = [explained(sql, params) for sql, params in asked if sql.lstrip(" (").startswith(("SELECT", "WITH"))]
    slowest = max(plans, key=lambda plan: plan["Execution Time"])
    return {
        "queries": len(asked),
        "read": sum(touched(plan["Plan"]) for plan in plans),
        "ms": slowest["Execution Time"],
        "plan": told(slowest["Plan"]),
    }


def explained(sql: str, params: Any) -> dict[str, Any]:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {sql}", params)
        plan: dict[str, Any] = cursor.fetchone()[0][0]
        return plan


def touched(node: dict[str, Any]) -> int:
    return int(node["Shared Hit Blocks"] + node["Shared Read Blocks"])


def told(node: dict[str, Any]) -> str:
    """A plan in one line: node, its index or table, rows (times loops), pages; what feeds it stands in brackets."""
    place = node.get("Index Name") or node.get("Relation Name") or ""
    loops = f" × {node['Actual Loops']:.0f}" if node["Actual Loops"] > 1 else ""
    below = ", ".join(told(child) for child in node.get("Plans", ()) if child["Actual Loops"])
    text = f"{node['Node Type']}{f' `{place}`' if place else ''} {node['Actual Rows']:,.0f}{loops} rows"
    return f"{text}, {touched(node):,} pages{f' ← [{below}]' if below else ''}"


if __name__ == "__main__":
    sys.exit(main())
