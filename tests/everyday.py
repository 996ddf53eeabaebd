"""What people do with dragkit, in one program that notes whom it asks and where it writes.

`python everyday.py` works in the current folder and leaves what it noted there, in noted.json:
`network` (names looked up, connections), `programs` (that it started) and `written` (the files and
folders that were made, changed, moved or removed). Python's audit hooks report Python's own calls;
what a compiled library writes is found by looking into the folders afterwards.
"""

import json
import os
import sys
from dataclasses import replace
from pathlib import Path

noted = {"network": [], "programs": [], "written": []}
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
NETWORK = (
    "socket.",
    "urllib.",
    "http.",
    "ftplib.",
    "smtplib.",
    "poplib.",
    "imaplib.",
    "webbrowser.",
)
PROGRAMS = ("subprocess.", "os.system", "os.exec", "os.posix_spawn", "os.spawn", "pty.spawn")
CHANGING = {  # how many of these events' arguments are paths
    **dict.fromkeys(("os.mkdir", "os.rmdir", "os.remove", "os.truncate", "sqlite3.connect"), 1),
    **dict.fromkeys(("os.chmod", "os.chown", "os.utime", "os.setxattr"), 1),
    **dict.fromkeys(("os.rename", "os.link", "os.symlink"), 2),
}


def note(event: str, arguments: tuple) -> None:
    """The audit hook: sort an event into one of the lists, or leave it."""
    if event.startswith(NETWORK) and not stays_here(event, arguments):
        noted["network"].append(f"{event} {arguments}")
    elif event.startswith(PROGRAMS):
        noted["programs"].append(os.fsdecode(arguments[0]))
    elif event == "open" and arguments[2] & WRITING:
        note_paths(event, arguments[:1])
    elif event in CHANGING:
        note_paths(event, arguments[: CHANGING[event]])


def stays_here(event: str, arguments: tuple) -> bool:
    """Whether a call reaches nobody: a socket is made, or tried out on this machine's own address,
    as urllib3 does when it is imported, to see whether there is IPv6; or the machine's own name is
    asked for, as filelock does to say who has a lock.
    """
    if event in ("socket.__new__", "socket.gethostname"):
        return True
    return event == "socket.bind" and arguments[1][0] == "::1"


def note_paths(event: str, paths: tuple) -> None:
    """Note each path in full; a number is a file that was opened, and noted, before."""
    named = [path for path in paths if not isinstance(path, int)]
    noted["written"] += [f"{event} {os.path.realpath(os.fsdecode(path))}" for path in named]


def drag_a_lion(dk) -> None:
    """A run, its files, figures and widgets."""
    lion = dk.load("lion", device="cpu")
    edit = dk.Edit([(74, 74)], [(74, 87)])
    method = dk.methods.stabledrag() | {"steps": 2}
    trace = dk.Trace(dk.drag(lion, lion.sample(2), edit, **method))

    trace.save("run")
    dk.Trace.load("run")
    dk.save(lion, "lion.safetensors")
    dk.load("lion.safetensors", device="cpu")
    trace.to_gif("run.gif", size=64)
    trace.to_html("run.html")
    trace.to_dataframe().to_csv("run.csv")
    for figure in (dk.plot.losses(trace), dk.plot.filmstrip(trace, 2)):
        figure.savefig("figure.png")

    studio = dk.Studio(lion, edit=edit, **dk.methods.draggan())
    studio.run(2)
    widgets = (studio, dk.Picker(lion), dk.Player(trace), dk.Features(lion, trace))
    for widget in (*widgets, dk.Compare(trace, trace)):
        widget.still()


def edit_an_image(dk, image: Path) -> None:
    """An inversion and its tuning, and the same with the diffusion model."""
    found = dk.invert(dk.load("lion", device="cpu"), image, steps=2)
    dk.tune(found, steps=1)

    diffusion = replace(dk.load("lion-diffusion", device="cpu"), strength=0.2)  # fewer steps
    learned = dk.lora(diffusion, image, steps=1, file="lora.safetensors")
    found = dk.invert(learned, image)
    edit = dk.Edit([(28, 39)], [(28, 45)])
    method = dk.methods.dragdiffusion() | {"steps": 1}
    trace = dk.Trace(dk.drag(found.model, found.latent, edit, **method))
    found.model.finish(trace[-1].latent)


def measure_and_learn(dk) -> None:
    """A benchmark, a session, an exercise's check, and the list of public models."""
    from dragkit import check
    from dragkit.bench import runner
    from dragkit.models import zoo
    from dragkit.tasks.edits import Task

    toy = dk.load("toy")
    edit = dk.Edit([(64, 85)], [(74, 80)])
    methods = {"draggan": dk.methods.draggan()}
    runner.run([Task(0, edit, "a blob")], methods, "out.jsonl", model="toy")

    session = dk.Session(toy, toy.sample(0), edit, **dk.methods.draggan())
    session.run(2)
    session.save("session")
    check.sample.or_ours(None)
    zoo.public()


if __name__ == "__main__":
    sys.addaudithook(note)
    import dragkit

    drag_a_lion(dragkit)
    edit_an_image(dragkit, Path(dragkit.__file__).parent.parent / "data/images/my_lion.jpg")
    measure_and_learn(dragkit)
    Path("noted.json").write_text(json.dumps(noted))
