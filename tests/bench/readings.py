"""What became of the readings' benchmark, in ratios: those hold on other machines, times do not."""


def tell(report):
    """report: as `shell_readings.py` writes it; seconds"""
    copy = report["storing"]["copy"]
    print("\nReadings stored, batches of 800, each committed; ms a reading, speed against COPY")
    for name, words in (
        ("copy", "COPY into the same table"),
        ("store", "rows and the meters' mirror"),
    ):
        spent = report["storing"][name]
        print(f"{words:34}{spent * 1000:9.4f}{copy / spent:10.0%}")
    print(f"{'rolled up: hours, days, months':34}{report['rolling'] * 1000:9.4f}")
    scan = report["finding"]["every row, once"]
    print(f"\nFound among {report['rows'] / 1e6:.1f} million readings; ms, part of a look at all")
    for words, spent in report["finding"].items():
        print(f"{words:34}{spent * 1000:9.1f}{spent / scan:10.1%}")
