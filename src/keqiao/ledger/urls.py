"""Addresses of books; mounted at the root of the site."""

from django.urls import path, re_path

from keqiao.ledger import views

urlpatterns = [
    path("books", views.books, name="books"),
    path("books/open", views.open_book, name="open_book"),
    path("books/<str:code>", views.book, name="book"),
    path("books/<str:code>/accounts/<str:number>", views.statement, name="book_statement"),
    path("books/<str:code>/entries", views.entries, name="book_entries"),
    re_path(
        r"^books/(?P<code>[A-Z0-9-]{1,24})/entries/(?P<month>[0-9]{4}-[0-9]{2})/(?P<number>[0-9]{1,9})$",
        views.entry,
        name="book_entry",
    ),
    path("books/<str:code>/post", views.post_entry, name="book_post"),
    path("books/<str:code>/trial-balance", views.trial_balance, name="book_trial_balance"),
    path("books/<str:code>/ageing", views.ageing, name="book_ageing"),
    path("books/<str:code>/months", views.months, name="book_months"),
    path("books/<str:code>/opening", views.opening, name="book_opening"),
    path("books/<str:code>/opening/template", views.opening_template, name="book_opening_template"),
    path("books/<str:code>/opening/template.xlsx", views.opening_workbook, name="book_opening_workbook"),
    re_path(
        r"^books/(?P<code>[A-Z0-9-]{1,24})/export\.(?P<extension>xlsx|beancount)$", views.export, name="book_export"
    ),
]
