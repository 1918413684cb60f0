"""Addresses of the forms."""

from django.urls import path

from keqiao.web.posting import files, from_file, versions, views

urlpatterns = [
    path("post", views.start, name="post"),
    path("post/from-file", from_file.begin, name="from_file"),
    path("post/from-file/<str:code>", from_file.progress, name="from_file_progress"),
    path("post/<str:code>/confirm", from_file.confirm, name="draft_confirm"),
    path("post/<str:code>/translate", from_file.translate, name="draft_translate"),
    path("post/<str:code>", views.resume, name="draft"),
    path("post/<str:code>/<int:step>", views.write, name="draft_step"),
    path("post/<str:code>/<int:step>/save", views.autosave, name="draft_autosave"),
    path("post/<str:code>/<int:step>/hints", views.hints, name="draft_hints"),
    path("post/<str:code>/<int:step>/merge", views.merge, name="draft_merge"),
    path("post/<str:code>/check", views.check, name="draft_check"),
    path("post/<str:code>/matches", views.matches, name="draft_matches"),
    path("post/<str:code>/files/<int:file_id>", files.draft_file, name="draft_file"),
    path("post/<str:code>/discard", views.discard, name="draft_discard"),
    path("needs/<str:code>/change", views.change, {"kind": "need"}, name="need_change"),
    path("achievements/<str:code>/change", views.change, {"kind": "achievement"}, name="achievement_change"),
    path("needs/<str:code>/files/<int:file_id>", files.need_file, name="need_file"),
    path("achievements/<str:code>/files/<int:file_id>", files.achievement_file, name="achievement_file"),
    path("needs/<str:code>/versions", versions.need, name="need_versions"),
    path("achievements/<str:code>/versions", versions.achievement, name="achievement_versions"),
]
