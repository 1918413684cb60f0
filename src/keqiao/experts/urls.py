"""Addresses of experts; mounted at the root of the site."""

from django.urls import path

from keqiao.experts import views

urlpatterns = [
    path("experts", views.experts, name="experts"),
    path("experts/<str:code>", views.expert, name="expert"),
    path("needs/<str:code>/experts", views.experts_for_need, name="experts_for_need"),
    path("me/expert", views.own, name="own_expert"),
    path("me/expert/papers", views.add_paper, name="add_paper"),
    path("me/expert/papers/<int:paper_id>/delete", views.remove_paper, name="remove_paper"),
    path("me/expert/periods", views.add_period, name="add_period"),
    path("me/expert/periods/<int:period_id>/delete", views.remove_period, name="remove_period"),
    path("me/expert/conflicts", views.declare_conflict, name="declare_conflict"),
    path("me/expert/conflicts/<int:conflict_id>/delete", views.remove_conflict, name="remove_conflict"),
    path("me/expert/listing", views.change_listing, name="change_listing"),
    path("assignments", views.assignments, name="assignments"),
    path("assignments/plans", views.plans, name="assignment_plans"),
    path("assignments/plans/new", views.new_plan, name="new_assignment_plan"),
    path("assignments/plans/<str:code>", views.plan, name="assignment_plan"),
    path("assignments/plans/<str:code>/progress", views.plan_progress, name="assignment_plan_progress"),
    path("assignments/plans/<str:code>/needs/<str:need_code>", views.plan_need, name="assignment_plan_need"),
    path("assignments/plans/<str:code>/needs/<str:need_code>/assign", views.assign_by_hand, name="assign_by_hand"),
    path("assignments/plans/<str:code>/<slug:step>", views.plan_step, name="assignment_plan_step"),
    path("assignments/<str:code>", views.assignment, name="assignment"),
    path("assignments/<str:code>/<slug:step>", views.assignment_step, name="assignment_step"),
]
