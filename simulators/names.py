"""Names that read as places, in both languages."""

from __future__ import annotations

import numpy as np

from operators.events import Text

__all__ = ["PLACE_TYPES", "Namer", "compass"]

# A character and how it is spoken; a name takes one of each row.
_FIRST = tuple(
    zip(
        "柳松桂竹梅石白金银龙凤云星南北东西清红观永安和泰望双鱼沙黄紫",
        (
            *("Liu", "Song", "Gui", "Zhu", "Mei", "Shi", "Bai", "Jin", "Yin", "Long"),
            *("Feng", "Yun", "Xing", "Nan", "Bei", "Dong", "Xi", "Qing", "Hong", "Guan"),
            *("Yong", "An", "He", "Tai", "Wang", "Shuang", "Yu", "Sha", "Huang", "Zi"),
        ),
        strict=True,
    )
)
_SECOND = tuple(
    zip(
        "荫林溪园桥坪湾山岭门塘坝沟台口井泉田村河洞滩坡庙",
        (
            *("yin", "lin", "xi", "yuan", "qiao", "ping", "wan", "shan", "ling", "men", "tang"),
            *("ba", "gou", "tai", "kou", "jing", "quan", "tian", "cun", "he", "dong", "tan"),
            *("po", "miao"),
        ),
        strict=True,
    )
)

PLACE_TYPES: dict[str, tuple[str, str]] = {
    "underpass": ("underpass", "下穿道"),
    "lane": ("lane", "巷"),
    "market": ("market", "市场"),
    "estate": ("estate", "小区"),
    "works": ("works", "工厂"),
    "mall": ("mall", "商城"),
    "depot": ("depot", "仓库"),
    "square": ("square", "广场"),
    "station": ("station", "站"),
    "park": ("park", "公园"),
    "stadium": ("stadium", "体育场"),
    "substation": ("substation", "变电站"),
    "slope": ("slope", "边坡"),
    "quay": ("quay", "码头"),
    "bridge": ("bridge", "大桥"),
    "landing": ("landing", "渡口"),
    "school": ("school", "学校"),
    "hospital": ("hospital", "医院"),
    "library": ("library", "图书馆"),
    "pumphouse": ("pump house", "泵房"),
    "tower": ("water tower", "水塔"),
    "road": ("Road", "路"),
    "street": ("Street", "街"),
}

_COMPASS = [
    ("eastbound", "东向"),
    ("northbound", "北向"),
    ("westbound", "西向"),
    ("southbound", "南向"),
]


def compass(angle: float) -> Text:
    """Return which way a lane leads, from radians counted from east."""
    return Text(*_COMPASS[round(angle / (np.pi / 2)) % 4])


class Namer:
    """Gives every place another name."""

    def __init__(self, draw: np.random.Generator) -> None:
        self._draw = draw
        self._given: dict[tuple[str, int], int] = {}

    def place(self, kind: str) -> Text:
        """Return a name for a place of a type; a number tells namesakes apart."""
        root = int(self._draw.integers(len(_FIRST) * len(_SECOND)))
        first, second = _FIRST[root % len(_FIRST)], _SECOND[root // len(_FIRST)]
        used = self._given[kind, root] = self._given.get((kind, root), 0) + 1
        en, zh = PLACE_TYPES[kind]
        again = f" {used}" if used > 1 else ""
        return Text(
            f"{first[1]}{second[1]} {en}{again}", f"{first[0]}{second[0]}{zh}{again.strip()}"
        )
