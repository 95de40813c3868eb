"""Several commands make their hidden folders in one place at once."""

from concurrent.futures import ThreadPoolExecutor

from scaffolder.staging import remove_abandoned, staging


def test_nobody_takes_another_ones_new_folder_for_abandoned(tmp_path):
    def command(number: int) -> None:
        for _ in range(40):
            remove_abandoned(tmp_path)
            with staging(tmp_path) as stage:
                (stage / "file").write_text(str(number))
                remove_abandoned(tmp_path)
                assert (stage / "file").read_text() == str(number)

    with ThreadPoolExecutor(8) as commands:
        list(commands.map(command, range(8)))
    assert list(tmp_path.iterdir()) == []
