"""Names that read as places, in both languages."""

from __future__ import annotations

import numpy as np

from operators.events import Text

__all__ = ["PLACE_TYPES", "Namer", "compass"]

_FIRST = (
    "柳Liu 松Song 桂Gui 竹Zhu 梅Mei 石Shi 白Bai 金Jin 银Yin 龙Long 凤Feng 云Yun 星Xing 南Nan 北Bei "
    "东Dong 西Xi 清Qing 红Hong 观Guan 永Yong 安An 和He 泰Tai 望Wang 双Shuang 鱼Yu 沙Sha 黄Huang 紫Zi"
).split()
_SECOND = (
    "荫yin 林lin 溪xi 园yuan 桥qiao 坪ping 湾wan 山shan 岭ling 门men 塘tang 坝ba 沟gou 台tai 口kou "
    "井jing 泉quan 田tian 村cun 河he 洞dong 滩tan 坡po 庙miao"
).split()

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
            f"{first[1:]}{second[1:]} {en}{again}", f"{first[0]}{second[0]}{zh}{again.strip()}"
        )
