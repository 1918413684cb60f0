"""Addresses of alerts; mounted at the root of the site."""

from django.urls import path, re_path

from keqiao.alerts import views, views_upkeep

urlpatterns = [
    path("me/alerts", views.alerts, name="alerts"),
    path("me/alerts/recommendation", views.recommendation, name="recommendation"),
    path("me/alerts/history", views.history, name="alert_history"),
    path("me/alerts/watches", views.start_watch, name="start_watch"),
    path("me/alerts/watches/<str:code>", views.watch, name="watch"),
    path("me/alerts/watches/<str:code>/stop", views.stop_watch, name="stop_watch"),
    path("me/alerts/watches/<str:code>/resume", views.resume_watch, name="resume_watch"),
    path("me/upkeep", views_upkeep.upkeep, name="upkeep"),
    re_path(
        r"^me/upkeep/(?P<code>[A-Z0-9-]{1,24})/(?P<step>renew|withdraw|confirm)$",
        views_upkeep.take_step,
        name="upkeep_step",
    ),
    path("me/alerts/<str:code>", views.digest, name="digest"),
    path("alerts/stop", views.stop_by_link, name="stop_by_link"),
]
