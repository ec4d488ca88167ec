"""The rules for translation files; bin/i18n and tests/i18n call it.

usage: po.py --write|--check EXPORTED ADDON...

EXPORTED holds ADDON.pot of each, as Odoo wrote it.
"""

import pathlib
import re
import sys

import polib

LANGUAGE = "zh_CN"
ADDONS = pathlib.Path(__file__).resolve().parent.parent / "addons"

# %s, %(name)s, {name}; a percent sign of a sentence is not one of them
PLACEHOLDER = re.compile(r"%\(\w+\)[a-z]|%[sdrifx]|\{\w*\}")
TAG = re.compile(r"</?[a-zA-Z][^>]*>")


def metadata(language=""):
    """What a file says of itself: nothing that another run, day or person would change."""
    result = {
        "Project-Id-Version": "Odoo Server 19.0",
        "Report-Msgid-Bugs-To": "",
        "MIME-Version": "1.0",
        "Content-Type": "text/plain; charset=UTF-8",
        "Content-Transfer-Encoding": "8bit",
    }
    if language:
        result |= {"Language": language, "Plural-Forms": "nplurals=1; plural=0;"}
    return result


def template(exported, addon):
    """Odoo's export of an addon, its terms and places in one order, without dates.

    :param exported: text of the .pot file
    :return: `polib.POFile`
    """
    result = polib.POFile()
    result.header = f"Translation of {addon}."
    result.metadata = metadata()
    for entry in sorted(polib.pofile(exported), key=lambda entry: entry.msgid):
        result.append(
            polib.POEntry(
                msgid=entry.msgid,
                comment=entry.comment,
                occurrences=sorted(set(entry.occurrences), key=lambda place: place[0]),
            )
        )
    return result


def merge(pot, old):
    """The terms of a template with the translations that were there.

    :param pot: `polib.POFile` of the template
    :param old: `polib.POFile` to take translations from, or an empty one
    """
    known = {entry.msgid: entry for entry in old if not entry.obsolete}
    result = polib.POFile()
    result.header = pot.header
    result.metadata = metadata(LANGUAGE)
    for entry in pot:
        before = known.get(entry.msgid)
        result.append(
            polib.POEntry(
                msgid=entry.msgid,
                msgstr=before.msgstr if before else "",
                comment=entry.comment,
                occurrences=entry.occurrences,
                # Fuzzy stays fuzzy: a person takes it away.
                flags=["fuzzy"] if before and before.fuzzy else [],
            )
        )
    return result


def marks(text):
    """Placeholders and tags of a text, in an order of their own: a translation may move them."""
    return sorted(PLACEHOLDER.findall(text)) + sorted(TAG.findall(text))


def faults(pot, translated):
    """What is wrong with a translation: one line of words for each fault.

    :param pot: `polib.POFile` of the template
    :param translated: `polib.POFile` of the language
    """
    known = {}
    for entry in translated:
        if entry.obsolete:
            yield f"obsolete: {entry.msgid!r}"
        elif entry.msgid in known:
            yield f"twice: {entry.msgid!r}"
        else:
            known[entry.msgid] = entry
    for entry in pot:
        found = known.pop(entry.msgid, None)
        if found is None or not found.msgstr.strip():
            yield f"not translated: {entry.msgid!r}"
        elif found.fuzzy:
            yield f"fuzzy: {entry.msgid!r}"
        elif marks(entry.msgid) != marks(found.msgstr):
            yield f"placeholders or tags differ: {entry.msgid!r} and {found.msgstr!r}"
    for msgid in known:
        yield f"not a term any more: {msgid!r}"


def paths(addon):
    folder = ADDONS / addon / "i18n"
    return folder / f"{addon}.pot", folder / f"{LANGUAGE}.po"


def main(mode, exported, *addons):
    failed = False
    for addon in addons:
        pot = template((pathlib.Path(exported) / f"{addon}.pot").read_text(), addon)
        pot_path, po_path = paths(addon)
        translated = merge(pot, polib.pofile(str(po_path)) if po_path.exists() else polib.POFile())
        wrong = list(faults(pot, translated))
        for path, new in ((pot_path, pot), (po_path, translated)):
            text = f"{new}\n"
            if path.exists() and path.read_text() == text:
                continue
            if mode == "--write":
                path.parent.mkdir(exist_ok=True)
                path.write_text(text)
            else:
                wrong.append(f"{path.name} is not up to date: run make i18n")
        print(f"{addon}: {len(pot)} terms, {len(wrong)} faults")
        for line in wrong:
            print(f"  {line}")
        failed = failed or bool(wrong)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
