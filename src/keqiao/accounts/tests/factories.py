"""Plain functions that build accounts rows and run what was deferred."""

import json
import re

from allauth.account.models import EmailAddress
from django.contrib.auth import get_user_model
from django.core import mail
from django.db import connection

from keqiao.accounts import services
from keqiao.accounts.gateways import MemorySms
from keqiao.accounts.models import OneTimeCode
from keqiao.accounts.secrets import code_of
from keqiao.parties import selectors as parties

SECRET = "correct horse battery"


def make_account(*, channel="email", address="xu@example.org", password=SECRET, name="许砚秋"):
    """A person who signed up. Returns the user."""
    return services.sign_up(
        actor=parties.visitor(), name=name, channel=channel, address=address, password=password, documents=agreed()
    )


def agreed():
    from keqiao.accounts import selectors
    from keqiao.kernel import clock

    return [row.key for row in selectors.agreements_in_force(clock.today())]


def actor_of(user):
    return parties.actor_for(get_user_model().objects.get(pk=user.pk))


def make_verified(user, address):
    return EmailAddress.objects.create(user=user, email=address, verified=True)


def run_jobs():
    """Deliver the codes that were deferred, each once, as a worker would."""
    from keqiao.accounts.tasks import deliver_code

    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE procrastinate_jobs SET status = 'succeeded' WHERE status = 'todo' "
            "AND task_name = 'keqiao.accounts.tasks.deliver_code' RETURNING args"
        )
        rows = [json.loads(args) if isinstance(args, str) else args for (args,) in cursor.fetchall()]
    for args in rows:
        deliver_code(**args)
    return rows


def last_code(**wanted):
    """The code of the newest row, as the message says it."""
    return code_of(OneTimeCode.objects.filter(**wanted).latest("id"))


def code_in(text):
    return re.search(r"\d{6}", text)[0]


def sent_mails():
    return [(message.to[0], message.body) for message in mail.outbox]


def sent_texts():
    return list(MemorySms.sent)
