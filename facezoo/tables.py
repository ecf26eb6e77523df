"""Tables in Markdown, as reports, pages and cards show them."""


def markdown_table(header, rows):
    """Markdown table; the first column is text, floats are shares and shown in percent."""
    lines = ["| " + " | ".join(map(_cell, row)) + " |" for row in (header, *rows)]
    lines.insert(1, "| --- |" + " ---: |" * (len(header) - 1))
    return "\n".join(lines)


def _cell(value):
    if isinstance(value, float):
        return f"{value:.1%}"
    return f"{value:,}" if isinstance(value, int) else str(value).replace("|", r"\|")
