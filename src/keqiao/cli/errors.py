"""Trouble that was foreseen: one line that says what is wrong and how to mend it."""


class CommandTrouble(RuntimeError):
    """The command cannot go on."""
