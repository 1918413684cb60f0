"""Addresses of deals; mounted at the root of the site."""

from django.urls import path, re_path

from keqiao.deals import views, views_money, views_pricing, views_shares, views_tax

urlpatterns = [
    path("deals", views.deals, name="deals"),
    path("deals/new", views.new_deal, name="new_deal"),
    path("deals/<str:code>", views.deal, name="deal"),
    path("deals/<str:code>/registration", views.registration, name="deal_registration"),
    path("deals/<str:code>/law", views.law, name="deal_law"),
    path("deals/<str:code>/settle", views.settle, name="deal_settle"),
    path("deals/<str:code>/receipts/new", views.new_receipt, name="new_receipt"),
    path("deals/<str:code>/receipts/<int:number>/divide", views.divide, name="divide_receipt"),
    path("price-notices", views_pricing.price_notices, name="price_notices"),
    path("price-notices/new", views_pricing.new_price_notice, name="new_price_notice"),
    path("price-notices/<str:code>/withdraw", views_pricing.withdraw_price, name="withdraw_price"),
    path("reward-rules", views.reward_rules, name="reward_rules"),
    path("distributions/<str:code>", views_money.distribution, name="distribution"),
    re_path(
        r"^distributions/(?P<code>[A-Z0-9-]{1,24})/(?P<step>approve|withdraw|reverse)$",
        views_money.step,
        name="distribution_step",
    ),
    path("distributions/<str:code>/confirmations/<int:number>", views_money.confirm_for, name="confirm_for"),
    re_path(
        r"^distributions/(?P<code>[A-Z0-9-]{1,24})/evidence/(?P<of>confirmation|payment)/(?P<name>[A-Z0-9-]{1,24})$",
        views_money.evidence,
        name="distribution_evidence",
    ),
    path("distributions/<str:code>/contests/<int:number>", views_money.contest, name="distribution_contest"),
    re_path(
        r"^distributions/(?P<code>[A-Z0-9-]{1,24})/payroll\.(?P<extension>xlsx|csv)$",
        views_money.payroll,
        name="distribution_payroll",
    ),
    path("payments/<str:code>/pay", views_money.pay, name="pay_payment"),
    path("payments/<str:code>/release", views_money.release, name="release_payment"),
    path("me/money", views_money.own_money, name="own_money"),
    path("me/money/<str:code>", views_money.own_line, name="own_line"),
    path("me/money/<str:code>/tax", views_tax.own_tax, name="own_tax"),
    path("contributors/join", views_shares.join, name="contributor_join"),
    path(
        "achievements/<str:code>/shares/<int:number>/evidence/<str:key>",
        views_shares.signature_evidence,
        name="signature_evidence",
    ),
    path("achievements/<str:code>/shares", views_shares.shares, name="achievement_shares"),
]
