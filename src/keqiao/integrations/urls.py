"""Addresses of integrations; mounted at the root of the site."""

from django.urls import path, re_path

from keqiao.integrations import views, views_notices

urlpatterns = [
    path("me/tokens", views.tokens, name="tokens"),
    path("me/tokens/<int:token_id>/revoke", views.revoke_token, name="revoke_token"),
    path("me/webhooks", views.webhooks, name="webhooks"),
    path("me/webhooks/<str:code>", views.webhook, name="webhook"),
    re_path(
        r"^me/webhooks/(?P<code>[A-Z0-9-]{1,24})/(?P<action>rotate|ping|replay|on|off|delete)$",
        views.webhook_action,
        name="webhook_action",
    ),
    path("me/notices", views_notices.my_notices, name="notices"),
    path("me/notices/read", views_notices.read_all_notices, name="read_all_notices"),
    path("me/notices/<int:notice_id>/read", views_notices.read_notice, name="read_notice"),
    path("me/notices/settings", views_notices.notice_settings, name="notice_settings"),
    path("me/notices/channels", views_notices.add_channel, name="add_channel"),
    re_path(
        r"^me/notices/channels/(?P<channel_id>[0-9]{1,18})/(?P<action>try|remove|on|off)$",
        views_notices.channel_action,
        name="channel_action",
    ),
    path("notices/unsubscribe", views_notices.unsubscribe, name="unsubscribe"),
]
