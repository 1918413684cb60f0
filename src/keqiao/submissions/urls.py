"""Addresses of submissions; mounted at the root of the site."""

from django.urls import path, re_path

from keqiao.submissions import views

ITEM = r"(?P<kind>need|achievement)s/(?P<code>[A-Z0-9-]{1,24})"

urlpatterns = [
    path("review", views.queue, name="review_queue"),
    path("review/complaints", views.complaint_queue, name="complaint_queue"),
    path("review/waiver", views.waiver, name="review_waiver"),
    path("review/<str:code>", views.review, name="review"),
    path("review/<str:code>/<str:action>", views.decide, name="review_action"),
    path("submissions", views.submission_list, name="submissions"),
    path("submissions/<str:code>", views.submission, name="submission"),
    path("submissions/<str:code>/files/<int:file_id>", views.submission_file, name="submission_file"),
    path("submissions/<str:code>/<str:action>", views.act, name="submission_action"),
    path("complaints", views.complaints, name="complaints"),
    path("complaints/<str:code>", views.complaint, name="complaint"),
    path("complaints/<str:code>/file", views.complaint_file, name="complaint_file"),
    path("complaints/<str:code>/<str:action>", views.act_on_complaint, name="complaint_action"),
    re_path(rf"^{ITEM}/complain$", views.complain, name="complain"),
    re_path(rf"^{ITEM}/(?P<action>renew|close|withdraw)$", views.run_item, name="run_item"),
]
