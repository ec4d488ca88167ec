"""The translation files in the tree, and the rules that read them."""

import importlib.util
import pathlib

import polib
import pytest

TOP = pathlib.Path(__file__).resolve().parents[2]
ADDONS = sorted(path.parent.name for path in TOP.glob("addons/*/__manifest__.py"))

spec = importlib.util.spec_from_file_location("po", TOP / "bin" / "po.py")
po = importlib.util.module_from_spec(spec)
spec.loader.exec_module(po)


def catalogue(**translations):
    """:param translations: msgid to msgstr"""
    result = polib.POFile()
    for number, (msgid, msgstr) in enumerate(translations.items()):
        place = (f"code:addons/x/{number}.py", "0")
        result.append(polib.POEntry(msgid=msgid, msgstr=msgstr, occurrences=[place]))
    return result


def test_addons_found():
    assert "utility_prepaid" in ADDONS


@pytest.mark.parametrize("addon", ADDONS)
def test_every_term_is_translated(addon):
    pot, translated = (polib.pofile(str(path)) for path in po.paths(addon))
    assert len(pot) > 100
    assert not list(po.faults(pot, translated))


@pytest.mark.parametrize("addon", ADDONS)
def test_files_are_as_the_command_writes_them(addon):
    pot_path, po_path = po.paths(addon)
    pot = po.template(pot_path.read_text(), addon)
    assert pot_path.read_text() == f"{pot}\n"
    assert po_path.read_text() == f"{po.merge(pot, polib.pofile(str(po_path)))}\n"


@pytest.mark.parametrize(
    ("msgid", "msgstr", "words"),
    [
        ("Meter", "", "not translated"),
        ("Meter", " ", "not translated"),
        ("Meter %s", "表", "placeholders"),
        ("%(a)s of %(b)s", "%(b)s 的 %(c)s", "placeholders"),
        ("{a} only", "仅", "placeholders"),
        ("<b>Meter</b>", "<i>表</i>", "placeholders"),
    ],
)
def test_fault_is_found(msgid, msgstr, words):
    (found,) = po.faults(catalogue(**{msgid: ""}), catalogue(**{msgid: msgstr}))
    assert found.startswith(words)


@pytest.mark.parametrize(
    ("msgid", "msgstr"),
    [
        ("%(a)s of %(b)s", "%(b)s 的 %(a)s"),
        ("13 % inside", "内含 13 %"),
        ("<b>Meter</b> %s", "%s <b>表</b>"),
    ],
)
def test_good_translation_has_no_fault(msgid, msgstr):
    assert not list(po.faults(catalogue(**{msgid: ""}), catalogue(**{msgid: msgstr})))


def test_fuzzy_is_a_fault_and_stays_one():
    pot, old = catalogue(Meter=""), catalogue(Meter="表")
    old[0].flags = ["fuzzy"]
    (found,) = po.faults(pot, po.merge(pot, old))
    assert found.startswith("fuzzy")


def test_term_that_is_gone_is_dropped():
    pot, old = catalogue(Meter="", Room=""), catalogue(Meter="表", Valve="阀门")
    merged = po.merge(pot, old)
    assert [(entry.msgid, entry.msgstr) for entry in merged] == [("Meter", "表"), ("Room", "")]
    assert "not a term any more: 'Valve'" in list(po.faults(pot, old))
