"""Addresses of joining; mounted at the root of the site."""

from django.urls import path, re_path

from keqiao.joining import views

urlpatterns = [
    path("needs/<str:code>/join", views.join, {"kind": "need"}, name="join_need"),
    path("achievements/<str:code>/join", views.join, {"kind": "achievement"}, name="join_achievement"),
    path("me/joins", views.joins, name="joins"),
    re_path(r"^me/joins/(?P<code>[A-Z0-9-]{1,24})/(?P<step>accept|decline|leave)$", views.take_step, name="join_step"),
]
