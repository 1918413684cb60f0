"""Addresses of accounts; mounted at the root of the site. allauth's own pages are not mounted."""

from django.urls import include, path, re_path

from keqiao.accounts import views, views_federation, views_security, views_sign_up

urlpatterns = [
    # allauth asks for its own names.
    path("sign-in", views.sign_in, name="account_login"),
    path("sign-in", views.sign_in, name="sign_in"),
    path("sign-out", views.sign_out, name="sign_out"),
    path("sign-in/passkey", views.passkey, name="sign_in_passkey"),
    path("sign-in/code", views.sign_in_by_code, name="sign_in_by_code"),
    path("sign-in/code/enter", views.enter_sign_in_code, name="sign_in_code"),
    path("sign-in/second-step", views.second_step, name="mfa_authenticate"),
    path("sign-in/failed", views_federation.failed, name="socialaccount_login_error"),
    path("sign-in/cancelled", views_federation.cancelled, name="socialaccount_login_cancelled"),
    re_path(
        r"^sign-in/with/oidc/(?P<provider_id>[a-z0-9-]{2,31})/",
        include(
            [
                path("login", views_federation.oidc_login, name="openid_connect_login"),
                path("callback", views_federation.oidc_callback, name="openid_connect_callback"),
            ]
        ),
    ),
    re_path(
        r"^sign-in/with/saml/(?P<organization_slug>[a-z0-9-]{2,31})/",
        include(
            [
                path("login", views_federation.saml_login, name="saml_login"),
                path("acs", views_federation.saml_acs, name="saml_acs"),
                path("acs/finish", views_federation.saml_finish, name="saml_finish_acs"),
                path("sls", views_federation.saml_sls, name="saml_sls"),
                path("metadata", views_federation.saml_metadata, name="saml_metadata"),
            ]
        ),
    ),
    path("sign-up", views_sign_up.sign_up, name="sign_up"),
    path("sign-up/code", views_sign_up.sign_up_code, name="sign_up_code"),
    path("sign-up/details", views_sign_up.sign_up_details, name="sign_up_details"),
    path("sign-up/federated", views_sign_up.sign_up_federated, name="socialaccount_signup"),
    path("reset-password", views_sign_up.reset_password, name="reset_password"),
    path("reset-password/code", views_sign_up.reset_code, name="reset_code"),
    path("reset-password/new", views_sign_up.reset_new, name="reset_new"),
    path("me/security", views_security.security, name="security"),
    path("me/security/confirm", views_security.confirm, name="confirm"),
    path("me/security/confirm/code", views_security.confirm_code, name="confirm_code"),
    path("me/security/confirm/passkey", views_security.confirm_passkey, name="confirm_passkey"),
    path("me/security/password", views_security.password, name="password"),
    path("me/security/address", views_security.address, name="address"),
    path("me/security/address/code", views_security.address_code, name="address_code"),
    path("me/security/passkeys/add", views_security.add_passkey, name="add_passkey"),
    path("me/security/passkeys/options", views_security.passkey_options, name="passkey_options"),
    path("me/security/link/<slug:provider_id>", views_federation.link, name="link_identity"),
    path("me/security/identities/<str:reference>/remove", views_security.unlink_identity, name="unlink_identity"),
    path("me/security/passkeys/<int:passkey_id>/name", views_security.rename_passkey, name="rename_passkey"),
    path("me/security/passkeys/<int:passkey_id>/remove", views_security.remove_passkey, name="remove_passkey"),
    path("me/security/totp", views_security.totp, name="totp"),
    path("me/security/totp/remove", views_security.remove_totp, name="remove_totp"),
    path("me/security/recovery-codes", views_security.recovery_codes, name="recovery_codes"),
    path("me/security/sessions/<int:session_id>/end", views_security.end_session, name="end_session"),
    path("me/security/sessions/end-others", views_security.end_other_sessions, name="end_other_sessions"),
    path("", include("keqiao.accounts.urls_privacy")),
]
