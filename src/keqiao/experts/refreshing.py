"""An expert's words are made anew in the worker after their evidence changed."""

from __future__ import annotations

from django.db.models import F
from procrastinate.contrib.django import app

from keqiao.experts.models import ExpertProfile

JOB = "keqiao.experts.tasks.index_expert"


def changed(profile: ExpertProfile) -> None:
    """Inside a command, with the row locked."""
    ExpertProfile.objects.filter(pk=profile.pk).update(revision=F("revision") + 1)
    if profile.is_listed:
        app.configure_task(JOB, queue="experts").defer(profile_id=profile.pk)
