"""Which form of a model to deploy: the fastest one that lost little and is within the limits."""

from pathlib import Path

from pipeline import files, tables
from pipeline.forms import Form

FILE = "pick.json"
NOISE = 1.03  # times as long is as fast: the smaller one is picked then


def pick(rows: list[dict], limits) -> tuple[dict | None, str]:
    """Picks among the forms.

    Args:
        rows: of all forms: name, megabytes, median_ms, is_original, and `refused`, which is None
            for what may be used.
        limits: of the settings.

    Returns:
        The form and why; or None and what keeps every form from being picked.
    """
    able = [row for row in rows if row["refused"] is None]
    if not able:
        return None, "refused: every form, the fp32 one as well. Train longer, or label more."
    within = [row for row in able if not _beyond(row, limits)]
    if not within:
        return None, _unmet(able, limits)
    fastest = min(row["median_ms"] for row in within)
    near = [row for row in within if row["median_ms"] <= NOISE * fastest]
    picked = min(near, key=lambda row: row["megabytes"])
    if picked["is_original"]:
        return picked, "nothing compressed is faster within the limits"
    return picked, f"{picked['times_fastest_fp32']:.2f} × as fast as the fastest fp32 form"


def _beyond(row: dict, limits) -> list[tuple[str, float]]:
    """The limits that a form breaks, and how many times too large or slow it is."""
    wanted = {"max_size_mb": row["megabytes"], "max_latency_ms": row["median_ms"]}
    bounds = {name: getattr(limits, name) for name in wanted}
    return [
        (name, value / bound)
        for name, value in wanted.items()
        if (bound := bounds[name]) is not None and value > bound
    ]


def _unmet(rows: list[dict], limits) -> str:
    """What no form reaches, and what comes nearest."""
    nearest = min(rows, key=lambda row: max(times for _, times in _beyond(row, limits)))
    broken = [name for name, _ in _beyond(nearest, limits)]
    told = {
        "max_size_mb": f"{nearest['megabytes']:.1f} MB",
        "max_latency_ms": f"{nearest['median_ms']:.1f} ms",
    }
    parts = [
        f"limits.{name} is {getattr(limits, name):g}, {nearest['name']} has {told[name]}"
        for name in broken
    ]
    return (
        f"no form is small and fast enough; the nearest: {'; '.join(parts)}. Run prune.py, set a "
        "smaller model.input_size and train again, or change the limit in settings.yaml."
    )


def add_ratios(rows: list[dict]) -> None:
    """How many times as fast as fp32 that was not pruned: in the same runtime, and in the fastest
    one."""
    own = {row["kind"]: row["median_ms"] for row in rows if row["is_original"]}
    for row in rows:
        row["times_own_fp32"] = own[row["kind"]] / row["median_ms"] if row["kind"] in own else None
        row["times_fastest_fp32"] = min(own.values()) / row["median_ms"]


def show(rows: list[dict], metric: str, threads: int) -> None:
    """Prints the forms as a table."""
    header = ("form", "MB", f"ms, {threads} threads: median / p99", "× fastest fp32")
    table = [
        (
            row["name"],
            f"{row['megabytes']:.1f}",
            f"{row['median_ms']:.1f} / {row['p99_ms']:.1f}",
            f"{row['times_fastest_fp32']:.2f}",
            f"{row[metric]['value']:.3f} [{row[metric]['low']:.3f}, {row[metric]['high']:.3f}]",
            f"{row['change']:+.3f}",
            "kept" if row["refused"] is None else "refused",
        )
        for row in rows
    ]
    tables.show((*header, metric, "change", ""), table)
    for row in rows:
        if row["refused"]:
            print(f"refused: {row['refused']}")


def read(folder: Path) -> dict | None:
    """What compress.py wrote of the fp32 export in a folder, if it was run."""
    return files.read_json(folder / FILE) if (folder / FILE).is_file() else None


def is_of(row: dict, form: Form) -> bool:
    """Whether a row of the table, or the pick, is of this form, and not of one whose place it
    took: pruned again, say. Tables of earlier templates hold no SHA-256."""
    same = (row["export"], row["kind"]) == (form.export.about["id"], form.kind)
    return same and row.get("sha256", form.sha256) == form.sha256
