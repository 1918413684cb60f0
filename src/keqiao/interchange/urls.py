"""Addresses of interchange; mounted at the root of the site."""

from django.urls import path

from keqiao.interchange import views

urlpatterns = [
    path("import", views.start, name="imports"),
    path("import/templates/<str:kind>.<str:extension>", views.template, name="import_template"),
    path("import/<str:code>", views.show, name="import"),
    path("import/<str:code>/progress", views.progress, name="import_progress"),
    path("import/<str:code>/columns", views.columns, name="import_columns"),
    path("import/<str:code>/apply", views.apply, name="import_apply"),
    path("import/<str:code>/cancel", views.cancel, name="import_cancel"),
    path("import/<str:code>/errors.<str:extension>", views.errors, name="import_errors"),
    path("export", views.export_page, name="exports"),
    path("export/file", views.export, name="export"),
]
