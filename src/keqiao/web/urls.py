"""Addresses. No trailing slashes; codes are the public ids."""

from django.urls import include, path, re_path

from keqiao.web import feeds, health, public_notices, reasons, views, workbench
from keqiao.web.api import api

urlpatterns = [
    path("", views.home, name="home"),
    path("search", views.search, name="search"),
    path("search/compare", views.compare_found, name="compare_found"),
    path("needs", views.search, {"kind": "need"}, name="needs"),
    path("needs/<str:code>", views.need, name="need"),
    path("needs/<str:code>/compare", reasons.compare, name="compare"),
    path("needs/<str:code>/combination", reasons.combination, name="combination"),
    path("needs/<str:code>/matches", views.matches, name="matches"),
    path("needs/<str:code>/matches/<str:achievement_code>", views.why, name="why"),
    path("achievements", views.search, {"kind": "achievement"}, name="achievements"),
    path("achievements/<str:code>", views.achievement, name="achievement"),
    path("organisations", views.organisations, name="organisations"),
    path("organisations/<str:code>", views.organisation, name="organisation"),
    path("rules", views.rules, name="rules"),
    path("about/matching", views.how_matching_works, name="about_matching"),
    path("about/data", views.about_data, name="about_data"),
    path("about/accessibility", views.accessibility, name="about_accessibility"),
    path("public-notices", public_notices.public_notices, name="public_notices"),
    path("public-notices/<str:code>", public_notices.public_notice, name="public_notice"),
    path(
        "public-notices/<str:code>/objections/<str:objection>", public_notices.answer_objection, name="answer_objection"
    ),
    path("me", workbench.me, name="me"),
    path("preferences", views.preferences, name="preferences"),
    path("feeds/needs.atom", feeds.NewestNeeds(), name="feed_needs"),
    path("feeds/achievements.atom", feeds.NewestAchievements(), name="feed_achievements"),
    path("sitemap.xml", feeds.sitemap_index, name="sitemap_index"),
    re_path(r"^sitemap-(?P<name>[a-z]+)-(?P<part>[0-9]{1,6})\.xml$", feeds.sitemap, name="sitemap"),
    path("robots.txt", feeds.robots),
    path("healthz", health.healthz),
    path("readyz", health.readyz),
    path("api/v1/", api.urls),
    path("", include("keqiao.parties.urls")),
    path("", include("keqiao.accounts.urls")),
    path("", include("keqiao.ledger.urls")),
    path("", include("keqiao.inference.urls")),
    path("", include("keqiao.submissions.urls")),
    path("", include("keqiao.engagement.urls")),
    path("", include("keqiao.deals.urls")),
    path("", include("keqiao.joining.urls")),
    path("", include("keqiao.alerts.urls")),
    path("", include("keqiao.experts.urls")),
    path("", include("keqiao.learning.urls")),
    path("", include("keqiao.interchange.urls")),
    path("", include("keqiao.integrations.urls")),
    path("", include("keqiao.web.posting.urls")),
    path("", include("keqiao.web.administration.urls")),
]

handler400 = views.bad_request
handler403 = views.forbidden
handler404 = views.missing
handler500 = views.broken
