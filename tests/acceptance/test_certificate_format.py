"""What docs/certificate.md says is enough to check a certificate without a line of this software."""

import re
import subprocess
import sys

import pytest

from engine.chain import canonical, content_hash
from notifications.certificate.document import SECTIONS
from tests.support.commands import ROOT
from tests.support.diffusions import account, refused, sealed

TEXT = (ROOT / "docs" / "certificate.md").read_text(encoding="utf-8")
GIVEN = refused(account(5), 2, "550 « là »\t\x7f\x01 \u2028 🎓 no")
MADE = sealed(GIVEN)


@pytest.fixture
def files(tmp_path):
    (tmp_path / "check.py").write_text(
        re.search(r"```python\n(.*?)```", TEXT, re.DOTALL)[1], "utf-8"
    )
    (tmp_path / "certificate.json").write_text(canonical(MADE), "utf-8")
    return tmp_path


def checked(files, *words):
    key = MADE["signature"]["key_sha256"]
    return subprocess.run(
        [sys.executable, "-I", "-X", "utf8", "check.py", "certificate.json", *(words or (key,))],
        cwd=files, capture_output=True, text=True,
    )  # fmt: skip


def test_the_documented_program_finds_a_certificate_whole_and_one_s_own_line(files):
    done = checked(files)
    assert (done.returncode, done.stderr) == (0, "")
    copy = GIVEN.copies[2]
    done = checked(files, MADE["signature"]["key_sha256"], copy.salt, copy.name, *copy.addresses)
    assert done.stdout.strip() == "[3]"


@pytest.mark.parametrize("change", ['"state":"acceptee"', '"state":"Accepted"'])
def test_the_documented_program_sees_a_change(files, change):
    path = files / "certificate.json"
    path.write_text(path.read_text("utf-8").replace('"state":"accepted"', change, 1), "utf-8")
    assert "something was changed" in checked(files).stderr
    assert "not the institute's key" in checked(files, "0" * 64).stderr


def test_every_member_of_a_certificate_is_described():
    rows = re.findall(r"^\| `(\w+)` \| (.*) \|$", TEXT, re.MULTILINE)
    assert [name for name, _text in rows] == [*SECTIONS, "digests", "signature"]
    said = dict(rows)
    told = {name: said[name] for name in SECTIONS[1:]}
    for name, text in told.items():
        example = MADE[name][0] if isinstance(MADE[name], list) else MADE[name]
        for member in example:
            assert f"`{member}`" in text, (name, member)
    for member in MADE["runs"][0]["transmissions"][0]:
        assert f"`{member}`" in said["runs"], member


def test_a_file_s_sha256_is_the_certificate_s_name(files):
    assert content_hash((files / "certificate.json").read_bytes()) == content_hash(canonical(MADE))
