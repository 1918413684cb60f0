"""Identity providers in memory: an OIDC provider on loopback, and a SAML provider with a throw-away key."""

import base64
import hashlib
import json
import threading
import zlib
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit
from xml.etree import ElementTree as ET

import jwt
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID
from onelogin.saml2.utils import OneLogin_Saml2_Utils


class OidcTwin:
    """Signs everybody in with `claims`; refuses a token request without the right PKCE verifier."""

    def __init__(self):
        self.claims = {"sub": "f3a9-pairwise-1", "name": "许砚秋"}
        self.userinfo = None  # other than the claims, when set
        self.challenge = ""
        self.refused = []
        twin = self

        class Answers(BaseHTTPRequestHandler):
            def do_GET(self):
                if self.path.startswith("/authorize"):  # a browser comes: signed in at once, and back
                    self.send_response(302)
                    self.send_header("Location", twin.authorise(self.path, host=True))
                    self.end_headers()
                    return
                self.answer(twin.discovery() if ".well-known" in self.path else twin.userinfo or twin.claims)

            def do_POST(self):
                form = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
                verifier = form.get("code_verifier", [""])[0]
                digest = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")
                if digest != twin.challenge or form["code"] != ["a-code"]:
                    twin.refused.append(form)
                    self.answer({"error": "invalid_grant"}, 400)
                    return
                self.answer({"access_token": "t", "token_type": "Bearer", "id_token": twin.id_token()})

            def answer(self, body, status=200):
                text = json.dumps(body).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    def discovery(self):
        return {
            "issuer": self.url,
            "authorization_endpoint": f"{self.url}/authorize",
            "token_endpoint": f"{self.url}/token",
            "userinfo_endpoint": f"{self.url}/userinfo",
            "jwks_uri": f"{self.url}/jwks",
            "token_endpoint_auth_methods_supported": ["client_secret_post"],
        }

    def id_token(self):
        now = datetime.now(UTC)
        claims = {**self.claims, "iss": self.url, "aud": "keqiao", "iat": now, "exp": now + timedelta(minutes=5)}
        return jwt.encode(claims, "0123456789abcdef0123456789abcdef", algorithm="HS256")

    def authorise(self, location, *, host=False):
        """What the provider's page does after a sign-in there: the address it leads back to, with its host or without."""
        asked = parse_qs(urlsplit(location).query)
        self.challenge = asked["code_challenge"][0]
        back = urlsplit(asked["redirect_uri"][0])
        start = f"{back.scheme}://{back.netloc}" if host else ""
        return f"{start}{back.path}?code=a-code&state={asked['state'][0]}"

    def stop(self):
        self.server.shutdown()
        self.server.server_close()


class SamlTwin:
    """Answers a request with an assertion signed by its own key."""

    entity_id = "https://idp.lut.example/idp/shibboleth"
    sso_url = "https://idp.lut.example/idp/profile/SAML2/Redirect/SSO"

    def __init__(self):
        self.key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "idp.lut.example")])
        now = datetime.now(UTC)
        self.cert = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(self.key.public_key())
            .serial_number(1)
            .not_valid_before(now - timedelta(days=1))
            .not_valid_after(now + timedelta(days=1))
            .sign(self.key, hashes.SHA256())
        )

    @property
    def x509cert(self):
        return base64.b64encode(self.cert.public_bytes(serialization.Encoding.DER)).decode()

    def answer(self, location, *, attributes, name_id="", name_format="persistent", signed=True, audience=None):
        """The SAMLResponse for a redirect to the provider."""
        request = parse_qs(urlsplit(location).query)["SAMLRequest"][0]
        asked = ET.fromstring(zlib.decompress(base64.b64decode(request), -15))
        now = datetime.now(UTC)
        at, before, after = (
            moment.strftime("%Y-%m-%dT%H:%M:%SZ")
            for moment in (now, now - timedelta(minutes=5), now + timedelta(minutes=5))
        )
        acs, request_id = asked.get("AssertionConsumerServiceURL"), asked.get("ID")
        issuer = asked.find("{urn:oasis:names:tc:SAML:2.0:assertion}Issuer").text
        values = "".join(
            f'<saml:Attribute Name="{name}"><saml:AttributeValue>{value}</saml:AttributeValue></saml:Attribute>'
            for name, value in attributes.items()
        )
        subject = (
            f'<saml:NameID Format="urn:oasis:names:tc:SAML:2.0:nameid-format:{name_format}">{name_id}</saml:NameID>'
            if name_id
            else ""
        )
        assertion = (
            f'<saml:Assertion xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion" ID="_a{request_id}" Version="2.0" '
            f'IssueInstant="{at}"><saml:Issuer>{self.entity_id}</saml:Issuer><saml:Subject>{subject}'
            '<saml:SubjectConfirmation Method="urn:oasis:names:tc:SAML:2.0:cm:bearer">'
            f'<saml:SubjectConfirmationData InResponseTo="{request_id}" NotOnOrAfter="{after}" Recipient="{acs}"/>'
            f'</saml:SubjectConfirmation></saml:Subject><saml:Conditions NotBefore="{before}" NotOnOrAfter="{after}">'
            f"<saml:AudienceRestriction><saml:Audience>{audience or issuer}</saml:Audience></saml:AudienceRestriction>"
            f'</saml:Conditions><saml:AuthnStatement AuthnInstant="{at}" SessionIndex="_s"><saml:AuthnContext>'
            "<saml:AuthnContextClassRef>urn:oasis:names:tc:SAML:2.0:ac:classes:PasswordProtectedTransport"
            "</saml:AuthnContextClassRef></saml:AuthnContext></saml:AuthnStatement>"
            f"<saml:AttributeStatement>{values}</saml:AttributeStatement></saml:Assertion>"
        )
        if signed:
            key = self.key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            ).decode()
            cert = self.cert.public_bytes(serialization.Encoding.PEM).decode()
            assertion = OneLogin_Saml2_Utils.add_sign(assertion, key, cert)
            assertion = assertion.decode() if isinstance(assertion, bytes) else assertion
            assertion = assertion.removeprefix('<?xml version="1.0"?>').strip()
        response = (
            f'<samlp:Response xmlns:samlp="urn:oasis:names:tc:SAML:2.0:protocol" '
            f'xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion" ID="_r{request_id}" Version="2.0" IssueInstant="{at}" '
            f'Destination="{acs}" InResponseTo="{request_id}"><saml:Issuer>{self.entity_id}</saml:Issuer>'
            '<samlp:Status><samlp:StatusCode Value="urn:oasis:names:tc:SAML:2.0:status:Success"/></samlp:Status>'
            f"{assertion}</samlp:Response>"
        )
        return base64.b64encode(response.encode()).decode()
