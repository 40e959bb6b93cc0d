"""A text from outside on one line, for terminals, subjects and tables. Escaping for a format belongs to who writes it."""


def one_line(text: str | None) -> str:
    """Fold a text into one line; invisible characters, like a change of writing direction, are left out."""
    return "".join(char for char in " ".join((text or "").split()) if char.isprintable())
