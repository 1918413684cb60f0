"""Plain functions that set up models and consent."""

from decimal import Decimal

from keqiao.inference import services
from keqiao.inference.gateways import MEMORY, MemoryModels
from keqiao.parties.tests.factories import make_actor, make_organisation
from keqiao.parties.types import Role


def use_embeddings(settings, url=MEMORY, **fields):
    MemoryModels.forget()
    settings.EMBEDDINGS_URL, settings.EMBEDDINGS_MODEL = url, "vectors-1"
    settings.EMBEDDINGS_PRICE = Decimal(fields.pop("price", "1"))
    for name, value in fields.items():
        setattr(settings, f"EMBEDDINGS_{name.upper()}", value)


def use_chat(settings, url=MEMORY, *, price_in="2", price_out="8", key=""):
    MemoryModels.forget()
    settings.CHAT_URL, settings.CHAT_MODEL, settings.CHAT_KEY = url, "chat-1", key
    settings.CHAT_PRICE_IN, settings.CHAT_PRICE_OUT = Decimal(price_in), Decimal(price_out)


def make_approver(organisation=None):
    organisation = organisation or make_organisation()
    return make_actor(organisation=organisation, role=Role.RD_MANAGER), organisation


def agree(organisation):
    """The organisation's consent to the chat model that is set."""
    actor, _organisation = make_approver(organisation)
    return services.give_consent(actor=actor, organisation_code=organisation.code)
