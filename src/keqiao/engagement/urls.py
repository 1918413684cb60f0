"""Addresses of engagement; mounted at the root of the site."""

from django.urls import path

from keqiao.engagement import views

urlpatterns = [
    path("contacts", views.contacts, name="contacts"),
    path("contacts/new", views.new_contact, name="new_contact"),
    path("contacts/brokers", views.broker_requests, name="broker_requests"),
    path("contacts/<str:code>", views.thread, name="thread"),
    path("contacts/<str:code>/leave", views.leave_thread, name="leave_thread"),
    path("contacts/<str:code>/assign-broker", views.assign_broker, name="assign_broker"),
    path("contacts/<str:code>/files/<int:file_id>", views.file, name="thread_file"),
    path("contacts/<str:code>/<slug:step>", views.take_step, name="take_step"),
    path("needs/<str:code>/matches/<str:achievement_code>/unsuitable", views.mark_unsuitable, name="mark_unsuitable"),
    path("needs/<str:code>/matches/<str:achievement_code>/suitable", views.mark_suitable, name="mark_suitable"),
    path("needs/<str:code>/matches/<str:achievement_code>/undo", views.undo_unsuitable, name="undo_unsuitable"),
    path("me/unsuitable", views.unsuitable, name="unsuitable"),
    path("me/searches", views.saved_searches, name="saved_searches"),
    path("me/searches/<int:search_id>", views.open_saved_search, name="open_saved_search"),
    path("me/searches/<int:search_id>/delete", views.delete_saved_search, name="delete_saved_search"),
    path("me/searches/<int:search_id>/alerts", views.change_alerts, name="change_alerts"),
    path("me/tasks", views.add_task, name="add_task"),
    path("me/tasks/<int:task_id>", views.finish_task, name="finish_task"),
    path("me/tasks/<int:task_id>/delete", views.delete_task, name="delete_task"),
]
