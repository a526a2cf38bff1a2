"""Tags beside the tokens of a text."""

import keras
import numpy as np
import pyarrow as pa
import pytest

import plait
from plait.encoders import TextBag, TextRNN, TextTransformer, TextWords
from plait.errors import ConfigError, DataError
from plait.features import Image, Text, fit_features
from plait.heads import TagHead
from plait.inference import check_names
from plait.table import Table
from plait.tasks import Tagging, features_for
from plait.tasks._tag_losses import ChainLogLoss, TokenLogLoss

TEXTS = ["play some jazz", "jazz", None, "play blue in green"]
SLOTS = ["O O B-genre", "B-genre", "O", "O B-track I-track I-track"]
TAGS = ["B-genre", "B-track", "I-track", "O"]


class Asked:
    """A tagging beside a table of texts and tags."""

    def __init__(self, texts=TEXTS, tags=SLOTS, feature=None, **arguments):
        table = Table.read({"text": texts, "tags": tags}, name="train.csv")
        feature = feature or Text(encoder=TextWords(4))
        self.features = fit_features({"text": feature}, table)
        task = Tagging(of="text", **arguments)
        self.task = task.beside(self.features, table).fit(table.column("tags"))

    def beside(self, texts, tags=None):
        cells = {"text": texts, "tags": tags if tags is not None else [None] * len(texts)}
        table = Table.read(pa.table(cells), name="new.csv")
        return self.task.beside(self.features, table), table.column("tags")

    def targets(self, texts, tags):
        task, column = self.beside(texts, tags)
        return task.targets(column)

    def scores(self, texts, tags, answers, weights=None):
        task, column = self.beside(texts, tags)
        return task.scores(self.logits(*answers), column, weights)

    def decoded(self, texts, *answers):
        return self.beside(texts)[0].decode(self.logits(*answers))[""].to_pylist()

    def logits(self, *answers):
        """Logits that say each row's tags, place by place."""
        known, places = self.task.learnt["tags"], self.task.learnt["places"]
        below = len(known) + 2 if self.task.crf else 0
        logits = np.zeros((len(answers), places + below, len(known)), "float32")
        for row, tags in enumerate(answers):
            for place, tag in enumerate(tags.split()):
                logits[row, place, known.index(tag)] = 9
        return logits


def test_one_tag_that_is_none_of_spans_is_told_before_tokens_are_scored_alone():
    with pytest.warns(UserWarning, match="begin spans .*, but 'S-genre' is neither B-x, I-x nor O"):
        task = Asked(tags=["O O B-genre", "S-genre", "O", *SLOTS[3:]]).task
    assert task.main_score == "token_accuracy"


def test_fit_learns_the_tags_and_how_common_they_are():
    asked = Asked()
    learnt = asked.task.learnt
    assert learnt["tags"] == TAGS
    # Eight tokens, of the rows that have a text.
    np.testing.assert_allclose(learnt["shares"], np.array([2, 1, 2, 3]) / 8)
    assert learnt["places"] == 16
    assert learnt["spans"]
    shares = np.array(learnt["shares"])
    assert learnt["entropy"] == pytest.approx(-(shares * np.log(shares)).sum())
    assert learnt["tokens"] == pytest.approx(8 / 3)
    assert learnt["links"] is None


def test_what_is_cut_off_is_no_part_of_what_the_loss_is_counted_in():
    """Of 40 tokens 16 are read, ten times a and six times b; all of them are counted in the shares."""
    asked = Asked(
        [" ".join("x" * 40)], ["a " * 10 + "b " * 30], Text(encoder=TextWords(4), max_tokens=16)
    )
    learnt = asked.task.learnt
    assert learnt["places"] == 16
    assert learnt["shares"] == [0.25, 0.75]
    assert learnt["tokens"] == 16
    assert learnt["entropy"] == pytest.approx(-(10 * np.log(0.25) + 6 * np.log(0.75)) / 16)


def test_a_chain_starts_as_that_of_the_training_tags():
    """Of a's two neighbours one is a and one b, and each is counted with one more, in equal parts."""
    asked = Asked(["x y z", "x"], ["a a b", "b"], crf=True)
    found = np.exp(np.array(asked.task.learnt["links"])) * asked.task.learnt["shares"]
    np.testing.assert_allclose(found[0], [1.5 / 3, 1.5 / 3])
    np.testing.assert_allclose(found[1], [0.5, 0.5])
    np.testing.assert_allclose(found[2], [1.5 / 3, 1.5 / 3])  # a row begins with a, one with b
    np.testing.assert_allclose(found[3], [0.5 / 3, 2.5 / 3])  # both end with b
    head = asked.task.head()
    assert head.get_config()["links"] == asked.task.learnt["links"]


@pytest.mark.parametrize("crf", [False, True])
def test_the_answer_that_looks_at_nothing_has_a_loss_of_1(crf):
    asked = Asked(crf=crf)
    targets = asked.targets(TEXTS, SLOTS)
    logits = np.repeat(asked.task.trivial_logits(), len(TEXTS), axis=0)
    losses = keras.ops.convert_to_numpy(asked.task.loss().call(targets.values, logits))
    assert np.mean(losses[targets.labelled]) == pytest.approx(1, rel=1e-5)


def test_targets_stand_where_the_tokens_begin():
    targets = Asked().targets(["play jazz", None, "jazz"], ["O B-genre", "O", None])
    assert targets.labelled.tolist() == [True, False, False]
    assert targets.values.dtype == np.int32
    assert targets.values[0].tolist() == [3, 0, *[-1] * 14]
    assert not targets.values[1:].any()


def test_lists_and_strings_say_the_same():
    lists = Asked(tags=[cell.split() for cell in SLOTS])
    assert lists.task.state == Asked().task.state
    split = Asked([text and text.split() for text in TEXTS])
    assert split.task.state == Asked().task.state
    np.testing.assert_array_equal(
        split.targets([["play", "jazz"]], ["O B-genre"]).values,
        Asked().targets(["play jazz"], ["O B-genre"]).values,
    )


@pytest.mark.parametrize("encoder", [TextRNN(4), TextTransformer(8)])
def test_of_a_token_in_pieces_the_first_one_is_tagged(encoder):
    """Both read words and marks: `u . s .` and `won ' t` are more pieces than tokens."""
    asked = Asked(feature=Text(encoder=encoder))
    targets = asked.targets(["play U.S. jazz"], ["O B-track B-genre"])
    assert targets.values[0].tolist() == [3, 1, -1, -1, -1, 0, *[-1] * 10]
    logits = asked.logits("O B-track I-track O O B-genre")
    answer = asked.beside(["play U.S. jazz"])[0].decode(logits)
    assert answer[""].to_pylist() == [["O", "B-track", "B-genre"]]


def test_an_empty_element_is_a_token_without_a_tag():
    asked = Asked(
        tags=[["O", None, "B-genre"], ["B-genre"], None, ["O", "B-track", "?", "O"]], missing=("?",)
    )
    assert asked.task.learnt["tags"] == ["B-genre", "B-track", "O"]
    targets = asked.targets(["play jazz", "jazz"], [["O", None], ["?"]])
    assert targets.values[0, :3].tolist() == [2, -1, -1]
    assert targets.labelled.tolist() == [True, False]
    # What it is answered with is neither right nor wrong.
    found = asked.scores(["play jazz"], [["O", None]], ["O B-genre"])
    assert found == {"token_accuracy": 1, "row_accuracy": 1}


def test_scores_by_hand():
    """Five of seven tokens, one row of two; of two true spans one is found, and one that is none."""
    texts, tags = ["a b c d", "e f g"], ["O B-track I-track O", "B-genre O O"]
    found = Asked().scores(texts, tags, ["O B-track I-track O", "O B-genre O"])
    assert found["token_accuracy"] == pytest.approx(5 / 7)
    assert found["row_accuracy"] == 0.5
    assert found["span_f1"] == pytest.approx(0.5)
    assert found["span_precision"] == pytest.approx(0.5)
    assert found["span_recall"] == pytest.approx(0.5)
    weighted = Asked().scores(texts, tags, ["O B-track I-track O", "O B-genre O"], np.array([3, 1]))
    assert weighted["token_accuracy"] == pytest.approx((3 * 4 + 1) / (3 * 4 + 3))
    assert weighted["row_accuracy"] == 0.75
    assert weighted["span_f1"] == pytest.approx(3 / 4)


def test_without_spans_there_are_tokens_and_rows():
    asked = Asked(tags=["V D N", "N", None, "V A P N"])
    assert asked.task.main_score == "token_accuracy"
    found = asked.scores(["a b"], ["V N"], ["V V"])
    assert found == {"token_accuracy": 0.5, "row_accuracy": 0}
    # The commonest tag has three of eight tokens.
    assert asked.task.gain({"token_accuracy": 3 / 8}) == pytest.approx(0)
    assert Asked().task.main_score == "span_f1"
    assert Asked().task.gain({"token_accuracy": 0.9, "span_f1": 0.4}) == pytest.approx(0.4)


def test_tokens_that_were_cut_off_are_answered_with_o_or_not_at_all():
    spans = Asked(feature=Text(encoder=TextWords(4), max_tokens=2))
    found = spans.scores(["a b c d"], ["O B-track I-track O"], ["O B-track"])
    # The span is found too short; the last O is right.
    assert found["token_accuracy"] == 0.75
    assert found["span_f1"] == 0
    assert spans.decoded(["a b c d"], "O B-track") == [["O", "B-track", "O", "O"]]
    kinds = Asked(
        tags=["V D N", "N", None, "V A P N"], feature=Text(encoder=TextWords(4), max_tokens=2)
    )
    assert kinds.scores(["a b c"], ["V V V"], ["V V"])["token_accuracy"] == pytest.approx(2 / 3)
    assert kinds.decoded(["a b c"], "V V") == [["V", "V", None]]


@pytest.mark.parametrize("crf", [False, True])
def test_decode_gives_a_list_for_each_text(crf):
    asked = Asked(crf=crf)
    texts = ["play blue", None, "jazz"]
    assert asked.decoded(texts, "O B-track", "O", "B-genre") == [
        ["O", "B-track"],
        None,
        ["B-genre"],
    ]
    # Without the texts, as when a file is loaded, every place is answered.
    bare = asked.task.beside(asked.features)
    assert len(bare.decode(asked.logits("O O"))[""].to_pylist()[0]) == 16


def test_a_chain_answers_with_its_best_path():
    """Alone, the second token would be O; behind B-track a weight makes it I-track."""
    asked = Asked(crf=True)
    logits = asked.logits("B-track O O")
    logits[0, 16 + TAGS.index("B-track"), TAGS.index("I-track")] = 20
    answer = asked.beside(["a b c"])[0].decode(logits)[""].to_pylist()
    assert answer == [["B-track", "I-track", "O"]]


@pytest.mark.parametrize(("crf", "loss"), [(False, TokenLogLoss), (True, ChainLogLoss)])
def test_head_and_loss(crf, loss):
    task = Asked(crf=crf).task
    assert type(task.loss()) is loss
    head = task.head()
    assert isinstance(head, TagHead)
    assert (head.size, head.places, head.chain) == (4, 16, crf)
    np.testing.assert_allclose(head.prior, np.log(task.learnt["shares"]))


def test_rows_that_do_not_match_are_named():
    message = (
        r"Column 'tags', row 2 of new.csv: Tagging expects one tag for each token of 'text', .* "
        r"Received 3 tags for 2 tokens"
    )
    with pytest.raises(DataError, match=message):
        Asked().targets(["a", "a b"], ["O", "O O O"])
    with pytest.raises(DataError, match=r"row 1 of train.csv: .* Received 1 tags for 3 tokens"):
        Asked(tags=["O", "B-genre", None, "O O O O"])
    with pytest.raises(DataError, match="Received 0 tags for 1 tokens"):
        Asked().targets(["a"], [[]])


def test_tags_that_training_never_saw():
    with pytest.raises(
        DataError, match=r"row 1 of new.csv: Tagging never saw the class 'B-artist'"
    ):
        Asked().targets(["a b"], ["O B-artist"])
    lenient = Asked(on_unseen="missing")
    targets = lenient.targets(["a b", "c"], ["O B-artist", "B-artist"])
    assert targets.values[0, :2].tolist() == [3, -1]
    assert targets.labelled.tolist() == [True, False]
    assert targets.unseen == 2


def test_cells_that_hold_no_tags():
    with pytest.raises(DataError, match=r"list of tags, or a string of tags .* declare Multiclass"):
        Asked(tags=[1, 2, 3, 4])
    with pytest.raises(DataError, match="has no label in any training row"):
        Asked(tags=[None, None, "O", None])
    with pytest.raises(DataError, match="every tag of the training rows is 'O'"):
        Asked(tags=["O O O", "O", None, None])
    with pytest.raises(DataError, match="every tag of the training rows is empty"):
        Asked(tags=[[None] * 3, [None], None, None])


@pytest.mark.parametrize(
    ("feature", "message"),
    [
        (Image(), "Tagging is of a feature of the modality text. 'text' is Image"),
        (Text(encoder=TextBag(4)), r"the text 'text' is read as a whole.*Text\(column="),
    ],
)
def test_what_it_cannot_be_of(feature, message):
    with pytest.raises(ConfigError, match=message):
        check_names({"text": feature}, {"slots": Tagging(of="text")})
    with pytest.raises(ConfigError, match="Did you mean 'text'"):
        check_names({"text": feature}, {"slots": Tagging(of="txt")})
    with pytest.raises(ConfigError, match=r"Tagging is of a feature\. Name it"):
        Tagging()
    with pytest.raises(ConfigError, match="on_unseen is"):
        Tagging(of="text", on_unseen="drop")


def test_a_text_without_an_encoder_is_read_word_by_word():
    features = {"text": Text(), "note": Text(), "named": Text(encoder=TextRNN(6))}
    tasks = {"slots": Tagging(of="text"), "more": Tagging(of="named"), "odd": Tagging(of="gone")}
    chosen = features_for(features, tasks, width=10)
    assert isinstance(chosen["text"].encoder, TextWords)
    assert chosen["text"].encoder.width == 10
    assert chosen["note"].encoder is None
    assert chosen["named"] is features["named"]
    assert features["text"].encoder is None


@pytest.mark.parametrize(
    ("text", "ways", "epochs"),
    [
        (Text(), {"tags": False, "chain": True}, 8),
        (Text(encoder=TextRNN(16, bidirectional=True), subwords=24), {"tags": False}, 24),
    ],
    ids=["words, alone and as a chain", "subwords"],
)
def test_it_is_learnt_and_saved(text, ways, epochs, tmp_path):
    """A word's tag follows from its ending, an unknown word's too; a list column comes out."""
    draw = np.random.default_rng(0)
    stems = [f"{a}{b}{c}" for a in "bdfg" for b in "aeiou" for c in "lmn"]

    def sentences(count, stems):
        endings = draw.integers(0, 2, (count, 4))
        named = [[str(draw.choice(stems)) + ("ing", "ed")[e] for e in row] for row in endings]
        return {
            "text": [" ".join(words) for words in named],
            "tags": [[("G", "P")[e] for e in row] for row in endings],
            "first": [("G", "P")[row[0]] for row in endings],
        }

    learner = plait.Learner(
        features={"text": text},
        tasks={
            **{name: Tagging(of="text", crf=crf, column="tags") for name, crf in ways.items()},
            "first": plait.Multiclass(),
        },
        training=plait.Training(epochs=epochs, batch_size=32, learning_rate=5e-3),
        width=16,
    )
    learner.fit({"train": sentences(320, stems[:40])}, run=False, verbose=False)
    new = sentences(60, stems[40:])
    scores, answers = learner.evaluate(new), learner.predict(new)
    for name in ways:
        assert scores[name]["token_accuracy"] > 0.95
        assert answers[name].type == pa.list_(pa.string())
        right = [
            a == b
            for x, y in zip(answers[name].to_pylist(), new["tags"], strict=True)
            for a, b in zip(x, y, strict=True)
        ]
        assert np.mean(right) == pytest.approx(scores[name]["token_accuracy"])
    learner.save(tmp_path / "model.plait")
    again = plait.Learner.load(tmp_path / "model.plait")
    assert again.predict(new).equals(answers)
    # Without the texts there is nothing to tag, and nothing breaks.
    with pytest.warns(UserWarning, match="1 of 2 rows of .* have none of the features"):
        assert again.predict({"text": [None, "baling"]})["tags"].to_pylist()[0] is None


def test_rows_of_a_table_without_the_text_are_answered_with_null():
    given = Asked()
    table = Table.read({"tags": SLOTS[:2]})
    task = given.task.beside(given.features, table)
    assert task.decode(given.logits("O O", "O"))[""].to_pylist() == [None, None]
    assert not task.targets(table.column("tags")).labelled.any()
