"""Addresses of parties; mounted at the root of the site."""

from django.urls import path

from keqiao.parties.views import joining, managing, mine, operating

urlpatterns = [
    path("join", joining.find, name="join"),
    path("join/new", joining.found, name="found_organisation"),
    path("join/<str:code>", joining.ask, name="ask_to_join"),
    path("join-requests", joining.operators_requests, name="join_requests"),
    path("join-requests/<str:code>", joining.decide, name="decide_join"),
    path("invitation", joining.invitation, name="invitation"),
    path("me/organisations", mine.organisations, name="my_organisations"),
    path("me/organisation", mine.act_for, name="act_for"),
    path("me/organisations/<str:code>/leave", mine.leave, name="leave_organisation"),
    path("me/absences", mine.add_absence, name="add_absence"),
    path("me/absences/<int:absence_id>/end", mine.end_absence, name="end_absence"),
    path("me/profile", mine.profile, name="profile"),
    path("organisations/<str:code>/manage", managing.manage, name="manage_organisation"),
    path("organisations/<str:code>/manage/aliases", managing.add_alias, name="add_alias"),
    path("organisations/<str:code>/manage/aliases/remove", managing.remove_alias, name="remove_alias"),
    path("organisations/<str:code>/manage/identifiers", managing.add_identifier, name="add_identifier"),
    path("organisations/<str:code>/manage/identifiers/remove", managing.remove_identifier, name="remove_identifier"),
    path("organisations/<str:code>/manage/qualifications", managing.put_qualification, name="put_qualification"),
    path(
        "organisations/<str:code>/manage/qualifications/remove",
        managing.remove_qualification,
        name="remove_qualification",
    ),
    path("organisations/<str:code>/manage/logo", managing.put_logo, name="put_logo"),
    path("organisations/<str:code>/manage/logo/remove", managing.remove_logo, name="remove_logo"),
    path("organisations/<str:code>/logo", managing.logo, name="organisation_logo"),
    path("organisations/<str:code>/manage/evidence/<slug:kind>", managing.evidence, name="evidence"),
    path("organisations/<str:code>/changes", managing.changes, name="organisation_changes"),
    path("organisations/<str:code>/members", managing.members, name="members"),
    path("organisations/<str:code>/members/<int:number>", managing.change_member, name="change_member"),
    path("organisations/<str:code>/invitations", managing.invite, name="invite"),
    path(
        "organisations/<str:code>/invitations/<str:invitation_code>/withdraw",
        managing.withdraw_invitation,
        name="withdraw_invitation",
    ),
    path("verifications", operating.verifications, name="verifications"),
    path("verifications/<str:code>", operating.verification, name="verification"),
    path("verifications/<str:code>/licence", operating.licence, name="licence"),
    path("merges", operating.merges, name="merges"),
    path("merges/<str:code>/undo", operating.undo_merge, name="undo_merge"),
]
