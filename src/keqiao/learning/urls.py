"""Addresses of learning; mounted at the root of the site."""

from django.urls import path

from keqiao.learning import views

urlpatterns = [
    path("admin/learning", views.overview, name="learning"),
    path("admin/learning/roll-back", views.take_back, name="learning_roll_back"),
    path("admin/learning/<str:code>", views.model_card, name="learned_model"),
    path("organisations/<str:code>/learning", views.participation, name="organisation_learning"),
]
