"""Addresses of the forms."""

from django.urls import URLPattern

urlpatterns: list[URLPattern] = []
