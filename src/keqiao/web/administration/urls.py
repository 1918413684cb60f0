"""Addresses of site administration, and of the logo that every page shows."""

from django.urls import path, re_path

from keqiao.web.administration import views

urlpatterns = [
    path("admin/site", views.site_settings, name="site_settings"),
    re_path(r"^admin/site/(?P<scheme>field|region)$", views.code_table, name="code_table"),
    re_path(r"^admin/site/(?P<scheme>field|region)\.csv$", views.download_table, name="download_table"),
    path("admin/agreements", views.agreements, name="agreements"),
    path("admin/all-pairs", views.all_pairs, name="all_pairs"),
    path("admin/health", views.health, name="site_health"),
    path("site/logo", views.logo, name="site_logo"),
    path("first-password", views.first_password, name="first_password"),
]
