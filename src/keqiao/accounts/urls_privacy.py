"""Addresses of agreements, consents, export, erasure and standing in."""

from django.urls import path, re_path

from keqiao.accounts import views_privacy, views_standing_in

KINDS = r"(?P<kind>agreement|privacy|digest|learning|translation)"

urlpatterns = [
    re_path(rf"^about/{KINDS}$", views_privacy.agreement, name="agreement"),
    re_path(rf"^agreements/{KINDS}$", views_privacy.moved_agreement),
    path("me/agreements", views_privacy.agree, name="agree"),
    path("me/privacy", views_privacy.privacy, name="privacy"),
    path("me/privacy/consents", views_privacy.change_consent, name="change_consent"),
    path("me/privacy/export", views_privacy.ask_export, name="ask_export"),
    path("me/privacy/export/<int:export_id>", views_privacy.download_export, name="download_export"),
    path("me/privacy/erase", views_privacy.erase, name="erase"),
    path("me/privacy/erase/cancel", views_privacy.cancel_erasure, name="cancel_erasure"),
    path("admin/standing-in", views_standing_in.stand_in, name="standing_in"),
    path("standing-in/end", views_standing_in.end_standing_in, name="end_standing_in"),
]
