"""Processes killed with `kill -9`, anywhere: no number lost or used twice, no half case, no mail lost."""

import random
import signal
import subprocess
import sys
import time
from collections import Counter

import pytest

from engine import outbox, register
from engine.database import Database
from engine.verify import verify
from tests.support.commands import ROOT, moved, workspace
from tests.support.mail import MailProcess
from tests.support.world import WORKFLOWS, World, ready_to_diffuse

WRITER = """
import sys, uuid
from tests.support.world import World, ADVISER
world = World(sys.argv[1])
print("ready", flush=True)
for n in range(int(sys.argv[2])):
    key = f"{sys.argv[3]}-{n}"
    o = world.engine.open("demande", {"organisation": key, "sujet": "S", "contact_courriel": "a@example.org"},
                          ADVISER, idempotency_key=key)
    print(o.number, flush=True)
"""


def writer(url, count, name):
    return subprocess.Popen(
        [sys.executable, "-c", WRITER, url, str(count), name],
        cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
    )  # fmt: skip


def test_two_writers_killed_again_and_again_register_200_requests_once_each(empty):
    empty.install(WORKFLOWS / "demande.yaml", WORKFLOWS / "rencontre.yaml")
    empty.people()
    chance, told = random.Random(7), Counter()
    for kill in (*[True] * 5, False):
        both = [writer(empty.url, 100, name) for name in ("a", "b")]
        for one in both:
            assert one.stdout.readline().strip() == "ready"
        if kill:
            time.sleep(chance.uniform(0.05, 0.5))
            for one in both:
                one.send_signal(signal.SIGKILL)
        for one in both:
            out, _ = one.communicate()
            told.update(line for line in out.splitlines() if line.startswith("DI-"))
    # The last run was not killed: what had been done before it was only told again.
    with empty.database.read() as connection:
        found = register.list_cases(connection, process="demande", ended=None, limit=1000)
    assert len(found) == 200
    numbers = [line.number for line in found]
    assert numbers == [f"DI-2026-{n:04d}" for n in range(1, 201)]
    assert set(told) <= set(numbers)
    assert len({line.title for line in found}) == 200
    checked = verify(empty.database)
    assert checked.faults == ()
    assert checked.events == 200
    with empty.database.read() as connection:
        mail = outbox.list_deliveries(connection, limit=1000)
    assert Counter(d.number for d in mail) == Counter(numbers)


def test_two_writers_at_once_share_the_numbers_without_a_hole(empty):
    empty.install(WORKFLOWS / "demande.yaml", WORKFLOWS / "rencontre.yaml")
    empty.people()
    both = [writer(empty.url, 100, name) for name in ("a", "b")]
    numbers = [
        line for one in both for line in one.communicate()[0].splitlines() if line.startswith("DI-")
    ]
    assert sorted(numbers) == [f"DI-2026-{n:04d}" for n in range(1, 201)]
    assert verify(empty.database).faults == ()


@pytest.mark.parametrize(
    ("seed", "fault"), [(1, "slow=0.02"), (2, "recipients=10"), (3, "connections=3")]
)
def test_a_worker_killed_in_a_diffusion_to_29_leaves_exactly_the_others(tmp_path, seed, fault):
    with MailProcess(tmp_path / "courrier", "slow=0.02", fault) as server:
        inbox = workspace(tmp_path, server.port)
        world = World(f"sqlite:///{inbox.home / 'arrimage.db'}").network(29)
        number = ready_to_diffuse(world)
        world.do(number, "diffuser")
        inbox("tick", "--help")  # what is to be imported has been read from the disk once
        chance = random.Random(seed)
        for _ in range(4):
            tick = inbox.start("tick")
            time.sleep(chance.uniform(0.3, 1.5))
            tick.send_signal(signal.SIGKILL)
            tick.communicate()
        inbox("tick")
        check_diffusion(world, number, server.received)


def check_diffusion(world, number, received):
    """Everybody has one copy; whoever is `uncertain` has one or none, and is listed."""
    with world.database.read() as connection:
        found = outbox.list_deliveries(connection, case_id=world.id(number), limit=1000)
    found = [d for d in found if d.message == "diffusion"]
    batches = [r for r in received if "<diffusion." in (r.message["List-Id"] or "")]
    copies = Counter(address for r in batches for address in r.recipients)
    assert len(found) == 29
    for delivery in found:
        address = delivery.addresses[0]
        assert delivery.state in {"accepted", "uncertain"}
        assert copies[address] == 1 or (delivery.state == "uncertain" and copies[address] <= 1)
    uncertain = [d for d in found if d.state == "uncertain"]
    expected = "diffusee" if not uncertain else "diffusion_a_regler"
    assert world.case(number).row.state == expected


def killed_in_its_second_wave(inbox, world):
    """Kill a pass that has had the reply to its first group, and not that to its second."""
    number = ready_to_diffuse(world)
    world.do(number, "diffuser")
    tick = inbox.start("tick")
    deadline = time.monotonic() + 60
    wanted = {"accepted": 10, "releasing": 10, "queued": 9}
    while states_of(world, number) != wanted:
        assert time.monotonic() < deadline, states_of(world, number)
        time.sleep(0.01)
    tick.send_signal(signal.SIGKILL)
    tick.communicate()
    return number


def states_of(world, number):
    with world.database.read() as connection:
        found = outbox.list_deliveries(connection, case_id=world.id(number), limit=1000)
    return Counter(d.state for d in found if d.message == "diffusion")


def plain(text):
    return " ".join(text.replace("\u00a0", " ").split())


def test_the_first_command_after_a_kill_in_the_release_says_what_nobody_knows(tmp_path):
    with MailProcess(tmp_path / "courrier", "recipients=10", "connections=1", "slow=2") as server:
        inbox = workspace(tmp_path, server.port)
        world = World(f"sqlite:///{inbox.home / 'arrimage.db'}").network(29)
        killed_in_its_second_wave(inbox, world)
        world.database.close()
        others = [
            moved(inbox, tmp_path / name, server.port) for name in ("passe", "courriel", "ici")
        ]
        told = inbox.json("diffusion", "status", "1")
        passed, listed, today = others
        said = plain(passed("tick"))
        resolved = listed.json("outbox", "1", "--failed")["deliveries"]
        assert today.json()["mail_needing_a_person"] == {"uncertain": 10}
        assert told["states"] == {"accepted": 10, "queued": 9, "uncertain": 10}
        assert "10/29" in told["headline"]
        assert (
            "La libération a été interrompue : personne ne sait si 10 destinataires sont servis."
            in plain(told["headline"])
        )
        assert any("inbox outbox resolve" in line for line in told["next"])
        assert told["acceptances"][0]["accepted"] == 10
        assert told["runs"][0]["window_us"] == told["acceptances"][0]["to_us"]
        explained = plain(" ".join(inbox.json("diffusion", "explain", "1")["happened"]))
        assert "1 envoi sans acceptation : incertain (l'envoi s'est arrêté" in explained
        assert [d["state"] for d in resolved] == ["uncertain"] * 10
        assert "Un envoi précédent s'est arrêté en pleine libération : 10 exemplaires" in said
        assert "inbox outbox --failed" in said
        assert "rien à envoyer" not in said
        certificate = tmp_path / "attestation.html"
        inbox("diffusion", "certificate", "1", str(certificate))
        assert "La libération a été interrompue" in plain(certificate.read_text("utf-8"))
        assert inbox.json("diffusion", "verify", str(certificate))["signer"] == "workspace"
        ids = [str(d["id"]) for d in resolved]
        inbox("outbox", "resolve", *ids, "--confirmed", "--reason", "vu au journal du relais")
        assert inbox.json("diffusion", "status", "1")["states"] == {
            "accepted": 10,
            "confirmed": 10,
            "queued": 9,
        }


def test_what_another_process_is_releasing_is_leaving_as_long_as_that_one_lives(tmp_path):
    with MailProcess(tmp_path / "courrier", "slow=600") as server:
        inbox = workspace(tmp_path, server.port)
        world = World(f"sqlite:///{inbox.home / 'arrimage.db'}").network(3)
        number = ready_to_diffuse(world)
        world.do(number, "diffuser")
        tick = inbox.start("tick")
        deadline = time.monotonic() + 60
        while states_of(world, number) != {"releasing": 3}:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        told = inbox.json("diffusion", "status", "1")
        tick.send_signal(signal.SIGKILL)
        tick.communicate()
        assert told["states"] == {"releasing": 3}
        assert "l'envoi part en ce moment" in told["headline"]
        assert told["next"] == []
        assert inbox.json("diffusion", "status", "1")["states"] == {"uncertain": 3}


def test_the_service_stops_cleanly_when_it_is_told_to(tmp_path, mail):
    inbox = workspace(tmp_path, mail.port)
    world = World(f"sqlite:///{inbox.home / 'arrimage.db'}").network(3)
    number = ready_to_diffuse(world)
    world.do(number, "diffuser")
    service = inbox.start("serve", "--every", "1")
    deadline = time.monotonic() + 60
    while len(mail.received) < 3:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    service.send_signal(signal.SIGTERM)
    out, _ = service.communicate(timeout=150)  # beyond the patience with any server
    assert service.returncode == 0
    assert '"message": "stopped"' in out


FULL = """
import resource, signal, sys
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[1]), int(sys.argv[1])))
from inbox import texts
from inbox.main import run
texts.use("fr")
sys.exit(run(sys.argv[2:]))
"""


def test_a_full_disk_is_told_and_nothing_is_corrupted(tmp_path):
    inbox = workspace(tmp_path)
    inbox("register", "--organisation", "Avant", "--subject", "S")
    database = inbox.home / "arrimage.db"
    limit = max(p.stat().st_size for p in inbox.home.glob("arrimage.db*")) // 4096 * 4096
    note = "x" * 15_000
    codes = set()
    for n in range(12):
        done = subprocess.run(
            [sys.executable, "-c", FULL, str(limit), "register", "--organisation", f"Org {n}",
             "--subject", "S", "--note", note],
            cwd=ROOT, env=inbox.environment(), capture_output=True, text=True,
        )  # fmt: skip
        codes.add(done.returncode)
        if done.returncode:
            assert done.returncode == 4, done.stderr
            assert "disque" in done.stderr or "base de données" in done.stderr, done.stderr
            break
    assert 4 in codes
    inbox("verify")
    inbox("register", "--organisation", "Après", "--subject", "S")
    opened = Database.open(f"sqlite:///{database}")
    assert verify(opened).faults == ()
    opened.close()
    assert database.stat().st_mode & 0o777 == 0o600
