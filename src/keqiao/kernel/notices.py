"""Messages to people: in the app always; by e-mail at once or in a daily mail, and to messengers, as each one wishes.

A context names its kinds at import: `notices.kind("matching.new_match", _("有新的匹配"), email="daily")`, or all of them at
once: `notices.kind("matching", …)`. A kind that nobody named follows the wishes for "other".
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core import signing
from django.core.mail import EmailMessage
from django.db import models, transaction
from django.db.models import Case, Exists, F, OuterRef, Q, QuerySet, Value, When
from django.utils import translation
from django.utils.functional import Promise
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from keqiao.kernel import clock, messengers
from keqiao.kernel.commands import command
from keqiao.kernel.errors import BadInput, NotAllowed, NotFound
from keqiao.kernel.models import Notice, NoticeChannel, NoticeDelivery, NoticePreference
from keqiao.kernel.parameters import parameter

LONGEST_SECRET = 200
DIGEST_ROWS = 100  # in one mail; the page has the rest
DIGEST_REACHES_BACK = timedelta(days=3)
TOLD_ALL = "*"  # an unsubscribe link for all kinds
SALT = "keqiao.notices.unsubscribe"


class Email(models.TextChoices):
    AT_ONCE = "at_once", gettext_lazy("立即")
    DAILY = "daily", gettext_lazy("每日汇总")
    NEVER = "never", gettext_lazy("不发")


# Writes the text of the mail at the moment it is sent, in the language of that moment; None: it must not be mailed.
Letter = Callable[[Notice], str | None]


@dataclass(frozen=True)
class Kind:
    """A kind of notice as people choose about it."""

    name: str
    label: str | Promise
    email: str = Email.AT_ONCE
    letter: Letter | None = None


OTHER = "other"
_kinds: dict[str, Kind] = {OTHER: Kind(OTHER, gettext_lazy("其他消息"))}


def kind(name: str, label: str | Promise, *, email: str = Email.AT_ONCE, letter: Letter | None = None) -> None:
    """Name a kind, with how it is mailed to those who never chose, and who writes its mail when a title is not enough."""
    _kinds[name] = Kind(name, label, Email(email), letter)


def kinds() -> list[Kind]:
    """All that are named, "other" last."""
    return [*(row for name, row in sorted(_kinds.items()) if name != OTHER), _kinds[OTHER]]


def kind_of(name: str) -> Kind:
    """The kind itself when it is named, else its context's (the part before the dot), else "other"."""
    return _kinds.get(name) or _kinds.get(name.split(".", 1)[0]) or _kinds[OTHER]


def _kind_in_rows() -> Case:
    """As kind_of, for the database."""
    named = [name for name in _kinds if name != OTHER]
    contexts = [When(kind__startswith=f"{name}.", then=Value(name)) for name in named if "." not in name]
    exact = [When(kind__in=named, then=F("kind"))] if named else []
    return Case(*exact, *contexts, default=Value(OTHER), output_field=models.CharField())


# --- who knows the people (parties) says here how to reach one; the kernel keeps no address ------------------------------

_address_of: list[Callable[[int], str]] = []
_language_of: list[Callable[[int], str]] = []


def addresses_come_from(func: Callable[[int], str]) -> None:
    """Register the function from a person's id to an e-mail address (empty: none)."""
    _address_of[:] = [func]


def languages_come_from(func: Callable[[int], str]) -> None:
    """Register the function from a person's id to the language they read: zh-hans, en, or empty when they never said."""
    _language_of[:] = [func]


def address_of(person_id: int) -> str:
    return next((func(person_id) for func in _address_of), "")


def language_of(person_id: int) -> str:
    return next((func(person_id) for func in _language_of), "") or settings.LANGUAGE_CODE


# --- telling ------------------------------------------------------------------------------------------------------------


@command
def tell(*, actor: Any, person_id: int, kind: str, key: str, title_zh: str, title_en: str, link: str = "") -> bool:
    """Tell a person once per `key`; False when they were told before. Mail and messengers follow in jobs, after the commit."""
    if not actor.is_known:
        raise NotAllowed
    notice, is_new = Notice.objects.get_or_create(
        person_id=person_id,
        key=key,
        defaults={"kind": kind, "title_zh": title_zh, "title_en": title_en, "link": link},
    )
    if is_new:
        _send_out(notice)
    return is_new


def _send_out(notice: Notice) -> None:
    from keqiao.kernel.tasks import deliver_notice, mail_notice

    wish = wishes_of(notice.person_id)[kind_of(notice.kind).name]
    if settings.SENDS_EMAIL and wish.email == Email.AT_ONCE:
        mail_notice.defer(notice_id=notice.pk)
    if not wish.uses_channels:
        return
    for channel in NoticeChannel.objects.filter(person_id=notice.person_id, is_active=True):
        delivery = NoticeDelivery.objects.create(notice=notice, channel=channel)
        deliver_notice.defer(delivery_id=delivery.pk)


def wishes_of(person_id: int) -> dict[str, NoticePreference]:
    """For every named kind, how this person wants to hear of it; what they never chose is the default."""
    chosen = {row.kind: row for row in NoticePreference.objects.filter(person_id=person_id)}
    return {
        row.name: chosen.get(row.name)
        or NoticePreference(person_id=person_id, kind=row.name, email=row.email, uses_channels=True)
        for row in kinds()
    }


@command
def choose(*, actor: Any, wishes: Mapping[str, tuple[str, bool]]) -> None:
    """How the actor wants to hear of the kinds: name → (email, messengers too). All of them or none."""
    if actor.person_id is None:
        raise NotAllowed
    for name, (email, _uses) in wishes.items():
        if name not in _kinds:
            raise NotFound
        if email not in Email.values:
            raise BadInput(_("邮件方式是“立即”“每日汇总”“不发”之一。"), field=name)
    NoticePreference.objects.bulk_create(
        [
            NoticePreference(person_id=actor.person_id, kind=name, email=email, uses_channels=uses)
            for name, (email, uses) in sorted(wishes.items())
        ],
        update_conflicts=True,
        unique_fields=["person_id", "kind"],
        update_fields=["email", "uses_channels"],
    )


# --- reading ------------------------------------------------------------------------------------------------------------


def notices_of(actor: Any) -> QuerySet[Notice]:
    """A person's own notices, newest first."""
    if actor.person_id is None:
        return Notice.objects.none()
    return Notice.objects.filter(person_id=actor.person_id).order_by("-created_at", "-id")


def unread_count(actor: Any, most: int = 100) -> int:
    """For the bell of every page: counting stops at `most`."""
    if actor.person_id is None:
        return 0
    return Notice.objects.filter(person_id=actor.person_id, read_at=None).order_by()[:most].count()


def of_kind(rows: QuerySet[Notice], name: str) -> QuerySet[Notice]:
    """Those of a kind as people choose about it."""
    return rows.annotate(wish_kind=_kind_in_rows()).filter(wish_kind=name)


def kinds_told(actor: Any) -> list[Kind]:
    """The kinds of which this person has heard, for the filter of the list."""
    told = {kind_of(name).name for name in notices_of(actor).order_by().values_list("kind", flat=True).distinct()}
    return [row for row in kinds() if row.name in told]


@command
def mark_read(*, actor: Any, notice_id: int) -> Notice:
    """Only one's own; another person's notice is not there."""
    notice = notices_of(actor).filter(pk=notice_id).first()
    if notice is None:
        raise NotFound
    if notice.read_at is None:
        notice.read_at = clock.now()
        notice.save(update_fields=["read_at"])
    return notice


@command
def mark_all_read(*, actor: Any) -> int:
    """How many there were."""
    return notices_of(actor).filter(read_at=None).order_by().update(read_at=clock.now())


# --- e-mail -------------------------------------------------------------------------------------------------------------


def send(notice: Notice) -> None:
    """Called by the job. A mail that went out is not sent again."""
    address = address_of(notice.person_id)
    if notice.mailed_at is not None or not address:
        return
    letter = kind_of(notice.kind).letter
    with translation.override(language_of(notice.person_id)):
        text = letter(notice) if letter else _lines([notice])
        if text is None:
            return
        _mail(address, title_of(notice), text, notice.person_id, notice.kind, key=f"notice-{notice.pk}")
    notice.mailed_at = clock.now()
    notice.save(update_fields=["mailed_at"])


def title_of(notice: Notice) -> str:
    """In the language of the moment, or in the other one when there is none."""
    is_english = translation.get_language() == "en"
    return (notice.title_en if is_english else notice.title_zh) or notice.title_zh or notice.title_en


def link_of(notice: Notice) -> str:
    return f"{settings.SITE_URL}{notice.link}" if notice.link else ""


def _lines(notices: Sequence[Notice]) -> str:
    return "\n\n".join("\n".join(line for line in (title_of(row), link_of(row)) if line) for row in notices)


def _mail(address: str, subject: str, text: str, person_id: int, kind_name: str, *, key: str) -> None:
    """`key` makes the Message-ID: a mail that a killed job sends again is known as the same one."""
    stop = unsubscribe_link(person_id, kind_name)
    body = "\n\n".join(
        (text, _("不想再收到这类邮件：%(link)s") % {"link": stop}, _("消息设置：%(link)s") % {"link": _settings_link()})
    )
    headers = {
        "List-Unsubscribe": f"<{stop}>",
        "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
        "Message-ID": f"<{key}@{urlsplit(settings.SITE_URL).hostname}>",
    }
    subject = " ".join(subject.split())[:200]
    EmailMessage(subject, f"{body}\n", settings.DEFAULT_FROM_EMAIL, [address], headers=headers).send()


def _settings_link() -> str:
    return f"{settings.SITE_URL}/me/notices/settings"


def unsubscribe_link(person_id: int, kind_name: str) -> str:
    """Works without signing in, for this person and kind alone."""
    named = kind_name if kind_name == TOLD_ALL else kind_of(kind_name).name
    token = signing.dumps([person_id, named], salt=SALT, compress=True)
    return f"{settings.SITE_URL}/notices/unsubscribe?{urlencode({'t': token})}"


def read_unsubscribe(token: str) -> tuple[int, str]:
    """The person and the kind that a link was made for. NotFound for a link that was not made here."""
    try:
        person_id, name = signing.loads(token, salt=SALT)
    except (signing.BadSignature, ValueError):
        raise NotFound from None
    return int(person_id), str(name)


@command
def unsubscribe(*, actor: Any, token: str) -> str:  # noqa: ARG001 -- the signed link is the right to do it
    """No more mail of the kind, or of all that came in the daily mail. The kind's name."""
    person_id, name = read_unsubscribe(token)
    wishes = wishes_of(person_id)
    names = [n for n, wish in wishes.items() if wish.email == Email.DAILY] if name == TOLD_ALL else [name]
    for one in names:
        NoticePreference.objects.update_or_create(
            person_id=person_id,
            kind=one,
            defaults={"email": Email.NEVER, "uses_channels": wishes[one].uses_channels if one in wishes else True},
        )
    return name


# --- the daily mail -----------------------------------------------------------------------------------------------------


def digest_moment() -> datetime | None:
    """Today's hour of the daily mail, when it has come. Later runs of the job make up for a worker that was away."""
    now = clock.now()
    today = now.astimezone(clock.site_zone()).date()
    hour = int(parameter("notices.digest_hour", on=today))
    moment = datetime.combine(today, time(hour), clock.site_zone())
    return moment if now >= moment else None


def waiting_for_digest(before: datetime) -> QuerySet[Notice]:
    """Unread, not mailed, told in the last days and before the moment, of a kind that its person has mailed daily."""
    rows = Notice.objects.filter(
        mailed_at=None, read_at=None, created_at__lt=before, created_at__gte=before - DIGEST_REACHES_BACK
    )
    rows = rows.annotate(wish_kind=_kind_in_rows())
    chosen = NoticePreference.objects.filter(person_id=OuterRef("person_id"), kind=OuterRef("wish_kind"))
    by_default = [row.name for row in kinds() if row.email == Email.DAILY]
    return rows.filter(Exists(chosen.filter(email=Email.DAILY)) | (Q(wish_kind__in=by_default) & ~Exists(chosen)))


def people_for_digest(before: datetime) -> list[int]:
    """People with something for the daily mail."""
    return list(waiting_for_digest(before).order_by("person_id").values_list("person_id", flat=True).distinct())


def send_digest(person_id: int, before: datetime) -> int:
    """One mail with all that waits for it. How many notices were in it. Run twice, the second finds nothing."""
    address = address_of(person_id)
    with transaction.atomic():
        rows = waiting_for_digest(before).filter(person_id=person_id).order_by("created_at", "id")
        daily = list(rows.select_for_update(of=("self",)))
        if not daily or not address:
            return 0
        with translation.override(language_of(person_id)):
            subject = _("科桥：%(n)s 条新消息") % {"n": len(daily)}
            text = _lines(daily[:DIGEST_ROWS])
            if len(daily) > DIGEST_ROWS:
                text += "\n\n" + _("还有 %(n)s 条，见 %(link)s") % {
                    "n": len(daily) - DIGEST_ROWS,
                    "link": f"{settings.SITE_URL}/me/notices",
                }
            Notice.objects.filter(pk__in=[row.pk for row in daily]).update(mailed_at=clock.now())
            _mail(address, subject, text, person_id, TOLD_ALL, key=f"daily-{person_id}-{before:%Y%m%d%H}")
    return len(daily)


# --- messengers -----------------------------------------------------------------------------------------------------------


def channels_of(actor: Any) -> QuerySet[NoticeChannel]:
    if actor.person_id is None:
        return NoticeChannel.objects.none()
    return NoticeChannel.objects.filter(person_id=actor.person_id).order_by("id")


@command
def add_channel(*, actor: Any, messenger: str, url: str, secret: str = "") -> NoticeChannel:
    """Connect a robot. Only at the hosts of the messengers, or at those the site's operator allowed."""
    if actor.person_id is None:
        raise NotAllowed
    if messenger not in messengers.Messenger.values:
        raise BadInput(_("请选择企业微信、钉钉或飞书。"), field="messenger")
    most = int(parameter("notices.channels_per_person", on=clock.today()))
    if channels_of(actor).count() >= most:
        raise BadInput(_("最多接入 %(most)s 个群机器人。") % {"most": most}, field="url")
    if len(secret) > LONGEST_SECRET or not secret.isprintable():
        raise BadInput(_("签名密钥最多 200 个字符，例如 SEC1a2b3c。"), field="secret")
    url = messengers.check_address(messenger, url.strip())
    return NoticeChannel.objects.create(
        person_id=actor.person_id, format=messenger, url=url, secret=secret.strip(), is_active=True
    )


@command
def remove_channel(*, actor: Any, channel_id: int) -> None:
    if not channels_of(actor).filter(pk=channel_id).delete()[0]:
        raise NotFound


@command
def switch_channel(*, actor: Any, channel_id: int, is_active: bool) -> None:
    if not channels_of(actor).filter(pk=channel_id).update(is_active=is_active):
        raise NotFound


@command
def try_channel(*, actor: Any, channel_id: int) -> None:
    """A first message, by a job as all others."""
    from keqiao.kernel.tasks import deliver_notice

    channel = channels_of(actor).filter(pk=channel_id).first()
    if channel is None:
        raise NotFound
    notice, _is_new = Notice.objects.get_or_create(
        person_id=actor.person_id,
        key=f"channel:{channel.pk}",
        defaults={
            "kind": OTHER,
            "title_zh": "群机器人已接入科桥",
            "title_en": "The robot is connected to Keqiao",
            "link": "/me/notices/settings",
        },
    )
    delivery, _is_new = NoticeDelivery.objects.update_or_create(
        notice=notice, channel=channel, defaults={"sent_at": None, "attempts": 0, "last_problem": ""}
    )
    deliver_notice.defer(delivery_id=delivery.pk)


# Seconds until the next attempt, after the first, second, … failure; after the last one the delivery is given up.
AGAIN_AFTER = (15, 60, 300, 1_800, 7_200, 21_600)


def deliver(delivery: NoticeDelivery) -> int | None:
    """Called by the job: post once. Seconds until the next attempt; None when it is over, one way or the other."""
    if delivery.sent_at is not None or not delivery.channel.is_active or delivery.attempts > len(AGAIN_AFTER):
        return None
    channel, notice = delivery.channel, delivery.notice
    with translation.override(language_of(notice.person_id)):
        post = messengers.write(
            channel.format,
            channel.url,
            channel.secret,
            title=title_of(notice),
            link=link_of(notice),
            at=int(clock.now().timestamp()),
        )
    answered = messengers.send(channel.format, post)
    delivery.attempts += 1
    delivery.last_problem = answered.problem[:200]
    delivery.sent_at = clock.now() if answered.is_taken else None
    delivery.save(update_fields=["attempts", "last_problem", "sent_at"])
    if answered.is_taken or delivery.attempts > len(AGAIN_AFTER):
        return None
    return AGAIN_AFTER[delivery.attempts - 1]
