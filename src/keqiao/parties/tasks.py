"""Jobs of the parties context."""

from django.conf import settings
from django.core.mail import send_mail
from procrastinate import RetryStrategy
from procrastinate.contrib.django import app

from keqiao.parties import selectors, services, tokens

AGAIN = RetryStrategy(max_attempts=6, exponential_wait=3)


@app.task(queue="mail", retry=AGAIN)
def mail_invitation(*, invitation_id: int) -> None:
    """Send one invitation. Already sent, used, withdrawn, or made under another secret of the site: nothing is sent."""
    invitation = selectors.invitation_to_mail(invitation_id)
    if invitation is None:
        return
    token = tokens.token_of(invitation.code)
    if tokens.hash_of(token) != invitation.token_hash:
        return
    organisation = invitation.organisation
    zh, en = organisation.name_zh or organisation.name_en, organisation.name_en or organisation.name_zh
    last = f"{invitation.expires_at:%Y-%m-%d}"
    body = (
        f"{zh} 邀请您加入。打开链接，登录后接受；{last} 之前有效，只能用一次：\n"
        f"{en} invites you. Open the link, sign in and accept. Valid until {last}, for one use:\n\n"
        f"{settings.SITE_URL}/invitation?t={token}\n"
    )
    send_mail(f"{zh} 邀请您 · Invitation", body, settings.DEFAULT_FROM_EMAIL, [invitation.email])
    services.note_invitation_mailed(actor=selectors.system(), invitation_id=invitation.pk)
