"""Addresses of inference; mounted at the root of the site."""

from django.urls import path

from keqiao.inference import views

urlpatterns = [
    path("admin/models", views.models_for_operators, name="models"),
    path("organisations/<str:code>/models", views.organisation_models, name="organisation_models"),
]
