from plait.cli._runs import new_run_folder


def test_a_taken_name_gets_a_number(tmp_path):
    folders = []
    for _ in range(3):
        folder = new_run_folder("shop", tmp_path)
        folder.mkdir()
        folders.append(folder.name)
    assert folders == ["shop", "shop-2", "shop-3"]
