import pytest

from models.report_text import LONGEST, ReportText, normalise
from models.report_words import SEED_PHRASES

HAZARDS = (
    "flood",
    "waterlogging",
    "landslide",
    "gas_leak",
    "fire",
    "air_pollution",
    "traffic",
    "crowding",
    "water_supply",
    "power",
    "noise",
    "other",
)
# None of these sentences is in the vocabulary.
SAID = [
    ("朝阳路下穿隧道积水很深，有车熄火", "waterlogging"),
    ("楼道里有一股煤气味，很刺鼻", "gas_leak"),
    ("三楼阳台冒浓烟，好像着火了", "fire"),
    ("我家停电两个小时了", "power"),
    ("自来水又黄又浑", "water_supply"),
    ("地铁站台人太多，快挤不动了", "crowding"),
    ("山上有石头滚下来", "landslide"),
    ("前面追尾，堵了三公里", "traffic"),
    ("空气很呛，雾霾严重", "air_pollution"),
    ("请问公积金怎么提取", "other"),
    ("Water is over the road at the underpass, cars are stuck", "waterlogging"),
    ("I smell gas in the hallway", "gas_leak"),
    ("flames from the third floor window", "fire"),
    ("No power on our street since 5pm", "power"),
    ("tap water looks brown today", "water_supply"),
    ("so many people at the platform, they are pushing", "crowding"),
    ("mud slid over the road", "landslide"),
    ("the river came over its banks", "flood"),
    ("jackhammer at 3am again", "noise"),
    ("multi car crash on the highway", "traffic"),
]


@pytest.fixture(scope="module")
def seeded():
    return ReportText().snapshot()


def _best(model, text):
    chances = model.predict_proba_one(text)
    return max(chances, key=chances.get)


@pytest.mark.parametrize(("text", "hazard"), SAID)
def test_a_new_city_understands_ordinary_reports(seeded, text, hazard):
    assert _best(ReportText.restore(seeded), text) == hazard


def test_chances_sum_to_one(seeded):
    for text in ("", "asdf", "fire fire fire", "着火"):
        chances = ReportText.restore(seeded).predict_proba_one(text)
        assert tuple(chances) == HAZARDS
        assert sum(chances.values()) == pytest.approx(1.0, abs=1e-5)


def test_what_tells_nothing_is_said_without_conviction(seeded):
    assert max(ReportText.restore(seeded).predict_proba_one("qwertz 42").values()) < 0.4


def test_verdicts_teach(seeded):
    model = ReportText.restore(seeded)
    text = "the tower crane is swaying in the wind"
    before = model.predict_proba_one(text)["other"]
    for _ in range(10):
        model.learn_one(text, "other")
    assert model.predict_proba_one(text)["other"] > 0.8 > before
    assert _best(model, SAID[0][0]) == SAID[0][1]


def test_only_the_beginning_of_a_long_text_is_read(seeded):
    model = ReportText.restore(seeded)
    text = "flooding in the street " * 30
    assert model.predict_proba_one(text) == model.predict_proba_one(text[:LONGEST])


def test_a_topic_is_read_and_a_name_is_not(seeded):
    model = ReportText.restore(seeded)
    said = "come and look http://a.b/fire"
    assert _best(model, f"{said} #gasleak") == "gas_leak"
    nothing = model.predict_proba_one(said)
    assert model.predict_proba_one(f"{said} @fire_brigade") == nothing
    model.learn_one(f"{said} @fire_brigade", "fire")
    assert model.predict_proba_one("@fire_brigade") == model.predict_proba_one("")


def test_a_hazard_it_does_not_have_is_refused():
    with pytest.raises(ValueError, match="'comet'"):
        ReportText({"fire": ["fire"]}).learn_one("a comet", "comet")


def test_one_hazard_that_is_reported_all_day_drowns_no_other(seeded):
    model = ReportText.restore(seeded)
    for number in range(500):
        model.learn_one(f"{number} {SEED_PHRASES['noise'][number % 30]}", "noise")
    assert (_best(model, "着火"), _best(model, "停电")) == ("fire", "power")


def test_a_snapshot_is_made_anew_only_where_something_was_learnt(seeded):
    model = ReportText.restore(seeded)
    assert model.snapshot() is model.snapshot()
    model.learn_one("a new word", "other")
    assert ReportText.restore(model.snapshot()).predict_proba_one("word") != (
        ReportText.restore(seeded).predict_proba_one("word")
    )


@pytest.mark.parametrize("damaged", [b"", b"cwtexts1", b"cwtexts2", b"cwtexts2\x80\x05cnone\nf\n."])
def test_what_is_no_snapshot_is_told(damaged):
    with pytest.raises(ValueError, match="snapshot"):
        ReportText.restore(damaged)


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("Water 30cm DEEP!!!", "water 25 cm deep"),
        ("路口积水３０厘米！！", "路口 积水20厘米。"),
        ("help http://a.b/c @city #flood", "HELP"),
        ("Heeeelp", "Heeelp"),
    ],
)
def test_near_duplicates_have_one_key(left, right):
    assert normalise(left) == normalise(right)


def test_different_reports_have_different_keys():
    assert normalise("路口积水") != normalise("路口着火")
    assert normalise("") == ""


def test_the_vocabulary_covers_every_hazard_in_both_languages():
    assert tuple(SEED_PHRASES) == HAZARDS
    for phrases in SEED_PHRASES.values():
        chinese = [p for p in phrases if ord(max(p)) > 0x2E7F]
        assert len(chinese) >= 15
        assert len(phrases) - len(chinese) >= 15
        assert len(set(phrases)) == len(phrases)
        assert all(p == p.strip() and p for p in phrases)
