"""The recorder: a branch as a scenario that can be played."""

from pathlib import Path

from vmtui.session import Session
from vmtui.sessionlog.plan import SessionLogError, clean


def save_scenario(session: Session, path: Path | str, *, title: str | None = None) -> Path:
    """Write the current branch as a scenario and return its path; a name without suffix gets ``.scenario``.

    Raises:
        SessionLogError: the name hides something, the file is there already, or it cannot be written.
    """
    if not str(path).strip() or clean(str(path)) != str(path):
        raise SessionLogError("a file name needs characters that can be seen, and no others")
    path = Path(path)
    if not path.suffix:
        path = path.with_suffix(".scenario")
    lines = [f"title {clean(title or path.stem)}"]
    if session.options.text:
        lines.append(f"machine {session.options.text}")
    for done in session.commands:
        lines.append(f"expect-error {done.error.errno} {done.text}" if done.error else done.text)
    try:
        with path.open("x", encoding="utf-8", newline="\n") as file:
            file.write("\n".join(lines) + "\n")
    except FileExistsError:
        raise SessionLogError(f"{path} is there already: give another name") from None
    except (OSError, ValueError) as error:
        raise SessionLogError(f"{path}: {getattr(error, 'strerror', None) or error}") from None
    return path
