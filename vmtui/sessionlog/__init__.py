"""The session log: a text file that survives the app.

A log is a header, then one line a command in the command language.  Six kinds of line more: ``at B:N``
(what follows is done on branch B after its N-th command; a B that is new begins there), ``fold N`` (the last
N commands are one mark, as ``quietly … end`` has them), ``beat N`` (N items of the scenario are done), ``show
PLACE`` (the subject), ``follow PLACE`` (the subject, which follows the steps) and ``mark STEP NAME``.
Every line is written and flushed before the call returns, so a killed app loses nothing that it accepted; a
power cut may cost the last line.  A log holds no times and no state: it is replayed, and the same commands
give the same machine.
"""

from vmtui.sessionlog.folder import KEEP, directory, list_sessions
from vmtui.sessionlog.log import SessionLog
from vmtui.sessionlog.plan import At, Beat, Entry, Fold, Follow, Mark, Plan, SessionLogError, Show, read
from vmtui.sessionlog.replay import Resumed, position, replay, replaying
from vmtui.sessionlog.save import save_scenario

__all__ = [
    "KEEP",
    "At",
    "Beat",
    "Entry",
    "Fold",
    "Follow",
    "Mark",
    "Plan",
    "Resumed",
    "SessionLog",
    "SessionLogError",
    "Show",
    "directory",
    "list_sessions",
    "position",
    "read",
    "replay",
    "replaying",
    "save_scenario",
]
